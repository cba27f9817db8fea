"""Drills on pages: started by administrators, and confirmed by those whom they are for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core import ids
from core.db import pool
from core.problems import Problem, not_found
from escalations import drills
from escalations.drills import Reached, Report
from escalations.rehearsal_words import CHANNELS
from notifications.drills import Message
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in, whichever
from policies import active


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message as the page shows it."""

    said: str
    dot: str


@dataclass(frozen=True, slots=True)
class PersonLine:
    """Somebody whom it is for, and what came of it."""

    one: Reached
    messages: list[MessageLine]
    there_after: str


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def drills_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The latest drills; an administrator's press starts another."""
    wrong, status = "", 200
    if request.method == "POST":
        drills.must_administer(visitor.reader)
        role = request.POST.get("role") or None
        try:
            drill = drills.start(
                actor=visitor.actor, workspace=visitor.reader.workspace_id, role=role
            )
            return SeeOther(reverse("drill", args=[ids.encode("drl", drill)]))
        except Problem as problem:
            said = " ".join(one.detail for one in problem.errors) or problem.detail
            wrong, status = said, problem.status
    with pool().connection() as conn:
        document = active.document_of(conn, visitor.reader.workspace_id)
    context = {
        "shell": visitor.shell,
        "here": "schedules",
        "wrong": wrong,
        "roles": [] if document is None else [(n, one.title) for n, one in document.roles.items()],
        "may_start": visitor.shell.administers,
        "drills": [
            (ids.encode("drl", one.id), one) for one in drills.newest(reader=visitor.reader)
        ],
    }
    return render(request, "pages/drills.html", context, status=status)


@require_http_methods(["GET", "HEAD"])
@signed_in
@told
def drill_page(request: HttpRequest, visitor: Visitor, drl_id: str) -> HttpResponse:
    """What came of one, and the button of those whom it is for."""
    drill = _drill(drl_id)
    visitor, report = whichever(
        request, visitor, lambda reader: drills.report(reader=reader, drill=drill)
    )
    if request.method == "GET":
        drills.seen(reader=visitor.reader, drill=drill)
    own = next((one for one in report.people if one.person == visitor.person.id), None)
    context = {
        "shell": visitor.shell,
        "here": "schedules",
        "id": drl_id,
        "report": report,
        "own": own,
        "people": [_person(one, report) for one in report.people],
        "places": [(one, _message(one)) for one in report.places],
        "whole": visitor.shell.administers,
    }
    return render(request, "pages/drill.html", context)


@require_POST
@signed_in
@told
def confirm_view(request: HttpRequest, visitor: Visitor, drl_id: str) -> HttpResponse:
    """Say that one is there."""
    drill = _drill(drl_id)
    visitor, _ = whichever(
        request, visitor, lambda reader: drills.report(reader=reader, drill=drill)
    )
    drills.confirm(actor=visitor.actor, reader=visitor.reader, drill=drill)
    return SeeOther(reverse("drill", args=[drl_id]))


def _drill(text: str) -> UUID:
    try:
        return ids.decode("drl", text)
    except ids.BadId:
        raise not_found() from None


def _person(one: Reached, report: Report) -> PersonLine:
    after = _seconds(report.head.created_at, one.confirmed_at) if one.confirmed_at else ""
    return PersonLine(one, [_message(message) for message in one.messages], after)


def _message(one: Message) -> MessageLine:
    where = one.place or CHANNELS.get(one.channel, one.channel)
    if one.sent_at is not None:
        return MessageLine(f"{where}: sent after {_seconds(one.created_at, one.sent_at)}", "yes")
    why = f", {one.reason}" if one.reason else ""
    states = {"pending": "waits", "failed": "failed", "withdrawn": "taken back"}
    dot = "nay" if one.state == "failed" else "back"
    return MessageLine(f"{where}: {states.get(one.state, one.state)}{why}", dot)


def _seconds(begin: datetime, end: datetime) -> str:
    return f"{(end - begin).total_seconds():.1f} s"
