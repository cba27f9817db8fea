"""Swaps, and calendars that are handed in: the other forms on the page of a schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.db import pool
from core.problems import Problem, forbidden, not_found
from oversight.access import may_administer
from pages import flash, swaps
from pages.middleware import left_out
from pages.schedules import local
from pages.swaps import Chosen
from pages.views.problems import told
from pages.views.schedules import Tried, page, who_of
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people import names
from people.schedules import duty, feeds, overrides
from people.schedules.overview import clock
from people.schedules.taking import Taken

_NO_FILE: Final = "Choose a file, such as duty.ics."
_TOO_LARGE: Final = "The file is too large: a form takes 1 MiB at most."


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def swap_view(request: HttpRequest, visitor: Visitor, name: str) -> HttpResponse:
    """Let two people change places."""
    if request.method != "POST":
        return SeeOther(reverse("schedule", args=[name]))
    zone, now = _zone_and_clock(visitor, name)
    try:
        give = swaps.chosen(request.POST, "give", now)
        take = swaps.chosen(request.POST, "take", now)
        gives, takes = swaps.wanted(give, take)
        overrides.swap(
            actor=visitor.actor,
            workspace=visitor.reader.workspace_id,
            schedule=name,
            gives=gives,
            takes=takes,
            who=who_of(visitor),
        )
    except Problem as problem:
        if problem.status == 404:
            raise
        tried = Tried(problem.status, swap=swaps.refused(request.POST, problem))
        return page(request, visitor, name, tried)
    flash.leave(request, "ok", _swapped(visitor, give, take, zone, now))
    return SeeOther(f"{reverse('schedule', args=[name])}#overrides")


def _swapped(visitor: Visitor, give: Chosen, take: Chosen, zone: ZoneInfo, now: datetime) -> str:
    called = names.names(visitor.reader.workspace_id, [give.person, take.person])
    giver, other = called.get(give.person, ""), called.get(take.person, "")
    given = swaps.period(give.begin, give.end, zone, now)
    taken = swaps.period(take.begin, take.end, zone, now)
    return f"They change places: {other} is on duty {given}, and {giver} {taken}."


@signed_in
@told
def _refuse_the_size(request: HttpRequest, visitor: Visitor, name: str) -> HttpResponse:
    _must_administer(visitor, name)
    return page(request, visitor, name, Tried(413, calendar=_TOO_LARGE))


@left_out(_refuse_the_size)
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def calendar_view(request: HttpRequest, visitor: Visitor, name: str) -> HttpResponse:
    """Take a calendar that is handed in as a file."""
    if request.method != "POST":
        return SeeOther(reverse("schedule", args=[name]))
    zone, now = _must_administer(visitor, name)
    file = request.FILES.get("calendar")
    if file is None:
        return page(request, visitor, name, Tried(422, calendar=_NO_FILE))
    try:
        taken = feeds.upload(
            actor=visitor.actor,
            workspace=visitor.reader.workspace_id,
            schedule=name,
            content=file.read(),
        )
    except Problem as problem:
        if problem.status == 404:
            raise
        said = problem.errors[0].detail if problem.errors else problem.detail
        return page(request, visitor, name, Tried(problem.status, calendar=said))
    flash.leave(request, "ok", _taken(taken, zone, now))
    return SeeOther(reverse("schedule", args=[name]))


def _taken(taken: Taken, zone: ZoneInfo, now: datetime) -> str:
    events = "1 event was" if taken.events == 1 else f"{taken.events:,} events were"
    nobody = {0: "Every name in it is somebody here.", 1: "1 name in it is nobody here."}
    unknown = nobody.get(taken.unknown, f"{taken.unknown:,} names in it are nobody here.")
    reaches = local(taken.reaches, zone, now)
    return f"{events} taken. The calendar reaches until {reaches}. {unknown}"


def _zone_and_clock(visitor: Visitor, name: str) -> tuple[ZoneInfo, datetime]:
    """The time zone of a schedule, and the database's clock.

    Raises:
        Problem: 404 there is none of this name.
    """
    with pool().connection() as conn:
        terms = duty.spec_of(conn, visitor.reader.workspace_id, name)
        if terms is None:
            raise not_found()
        return ZoneInfo(terms.timezone), clock(conn)


def _must_administer(visitor: Visitor, name: str) -> tuple[ZoneInfo, datetime]:
    """As `_zone_and_clock`, for administrators.

    Raises:
        Problem: 404 there is none of this name; 403 for everybody else.
    """
    found = _zone_and_clock(visitor, name)
    if not may_administer(visitor.reader):
        raise forbidden("Calendars are for administrators.", code="not_administrator")
    return found
