"""Schedules: who is on duty day by day, where nobody is, and being on duty in place of others.

Everybody in the workspace looks.  Overriding is a plain form that a click on a day fills.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core import ids
from core.db import pool
from core.problems import FieldError, Problem, invalid, not_found
from oversight.access import may_administer
from pages import flash, schedules
from pages.endpoints import decoded
from pages.schedules import Form
from pages.swaps import Choices, SwapForm, choices
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people import names
from people.models import Person
from people.schedules import duty, overrides
from people.schedules.overrides import Wanted, Who
from people.schedules.overview import Detail, clock, detail, overviews
from people.schedules.swaps import offered

#: People that an administrator is offered.
MOST_OFFERED: Final = 500


@dataclass(frozen=True, slots=True)
class Tried:
    """What was just tried on the page of a schedule, with the status that it came to."""

    status: int = 200
    override: Form = field(default_factory=Form)
    swap: SwapForm = field(default_factory=SwapForm)
    #: Why a calendar was refused.
    calendar: str = ""

    @property
    def where(self) -> str:
        """The id of the form that was refused."""
        if self.calendar:
            return "hand-in"
        return "swap" if self.swap.errors else "override"

    def said(self, *, swaps_shown: bool, hands_in: bool) -> str:
        """What the head of the page says: also what is wrong in a form that is not there any more."""
        said = [self.override.said, self.swap.said]
        said += [] if swaps_shown else self.swap.errors.values()
        said += [] if hands_in else [self.calendar]
        return " ".join(dict.fromkeys(filter(None, said)))


@require_safe
@signed_in
@told
def schedules_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Who is on duty by each schedule."""
    with pool().connection() as conn:
        found = overviews(conn, visitor.reader.workspace_id)
    context = {
        "shell": visitor.shell,
        "here": "schedules",
        "lines": [schedules.line(one) for one in found],
    }
    return render(request, "pages/schedules.html", context)


@require_safe
@signed_in
@told
def schedule_page(request: HttpRequest, visitor: Visitor, name: str) -> HttpResponse:
    """One schedule, day by day."""
    return page(request, visitor, name, Tried(override=schedules.form_of(request.GET)))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def override_view(request: HttpRequest, visitor: Visitor, name: str) -> HttpResponse:
    """Put somebody on duty in place of whom it says."""
    if request.method != "POST":
        return SeeOther(reverse("schedule", args=[name]))
    with pool().connection() as conn:
        terms = duty.spec_of(conn, visitor.reader.workspace_id, name)
    if terms is None:
        raise not_found()
    try:
        zone = ZoneInfo(terms.timezone)
        wanted = Wanted(
            _person(request.POST.get("person", "")),
            schedules.moment(request.POST, "begins", zone),
            schedules.moment(request.POST, "ends", zone),
        )
        overrides.override(
            actor=visitor.actor,
            workspace=visitor.reader.workspace_id,
            schedule=name,
            wanted=wanted,
            who=who_of(visitor),
        )
    except Problem as problem:
        if problem.status == 404:
            raise
        typed = schedules.refused(request.POST, problem)
        return page(request, visitor, name, Tried(problem.status, override=typed))
    called = names.names(visitor.reader.workspace_id, [wanted.person]).get(wanted.person, "")
    flash.leave(request, "ok", f"{called} is on duty then, in place of everybody else.")
    return SeeOther(f"{reverse('schedule', args=[name])}#overrides")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def cancel_view(request: HttpRequest, visitor: Visitor, name: str, ovr_id: str) -> HttpResponse:
    """Take an override back."""
    if request.method == "POST":
        overrides.cancel(
            actor=visitor.actor,
            workspace=visitor.reader.workspace_id,
            schedule=name,
            override=decoded("ovr", ovr_id),
            who=who_of(visitor),
        )
        flash.leave(request, "quiet", "It is taken back: the schedule says again who is on duty.")
    return SeeOther(f"{reverse('schedule', args=[name])}#overrides")


def page(request: HttpRequest, visitor: Visitor, name: str, tried: Tried) -> HttpResponse:
    """The page of a schedule as it stands now, with what was just tried."""
    found = _found(request, visitor.reader.workspace_id, name)
    one, administers = found.overview, may_administer(visitor.reader)
    may = administers or visitor.person.id in found.about
    before, after = schedules.neighbours(one)
    lists = _lists(visitor, found, tried.swap) if may else Choices()
    hands_in = administers and one.source == "uploaded"
    context = {
        "shell": visitor.shell,
        "here": "schedules",
        "found": found,
        "line": schedules.line(one),
        "days": schedules.days_of(found, links=may),
        "overrides": schedules.override_lines(found, visitor.person.id, administers=administers),
        "may": may,
        "people": _offered(visitor, found, administers=administers) if may else [],
        "me": ids.encode("per", visitor.person.id),
        "form": tried.override,
        "swap": tried.swap,
        "lists": lists,
        "hands_in": hands_in,
        "calendar_wrong": tried.calendar,
        "refused": tried.status != 200,
        "where": tried.where,
        "said": tried.said(swaps_shown=bool(lists.gives), hands_in=hands_in),
        "before": before,
        "after": after,
        "flash": flash.take(request) if tried.status == 200 else None,
    }
    return render(request, "pages/schedule.html", context, status=tried.status)


def _lists(visitor: Visitor, found: Detail, form: SwapForm) -> Choices:
    """What the form for a swap offers."""
    one = found.overview
    with pool().connection() as conn:
        offer = offered(
            conn,
            visitor.reader.workspace_id,
            one.name,
            at=one.now,
            about=found.about,
            who=who_of(visitor),
        )
    return choices(offer, form, visitor.person.id, one.zone, one.now)


def _found(request: HttpRequest, workspace: UUID, name: str) -> Detail:
    with pool().connection() as conn:
        terms = duty.spec_of(conn, workspace, name)
        if terms is None:
            raise not_found()
        now: datetime = clock(conn)
        begin = schedules.first_day(request.GET, ZoneInfo(terms.timezone), now)
        found = detail(conn, workspace, name, at=now, begin=begin)
    if found is None:
        raise not_found()
    return found


def _offered(visitor: Visitor, found: Detail, *, administers: bool) -> list[tuple[str, str]]:
    """Whom the form offers: those whom the schedule is about first, and to administrators everybody."""
    here = Person.objects.filter(
        workspace_id=visitor.reader.workspace_id, active=True, user__is_active=True
    ).select_related("user")
    if not administers:
        here = here.filter(id__in=found.about)
    offered = sorted(here[:MOST_OFFERED], key=lambda one: (one.id not in found.about, one.name))
    return [(ids.encode("per", one.id), one.name) for one in offered]


def _person(text: str) -> UUID:
    try:
        return ids.decode("per", text)
    except ids.BadId as error:
        raise invalid([FieldError("/person", "bad_id", "Choose somebody.")]) from error


def who_of(visitor: Visitor) -> Who:
    """The visitor, as overrides want to be told."""
    return Who(visitor.person.id, administers=may_administer(visitor.reader))
