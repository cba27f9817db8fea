"""Showing one request: finding it for its visitor, and the page as it stands, with what was just tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from approvals import present, read, words
from approvals.frozen import FrozenPlan
from approvals.frozen import decode as decode_plan
from approvals.row import Row
from core import ids
from core.problems import FieldError, Problem, not_found
from pages import flash
from pages.aside import aside
from pages.choice import Choice
from pages.detail import Detail, decode, detail
from pages.queue import queue
from pages.standing import members_of, names_by_role, roles_of, standing
from pages.visitor import Visitor, whichever
from people import factors

#: Services say it too; the page says it once, first and in bold.
_SAID_ALREADY = re.compile(r"Nothing was decided(: look again)?\.")


#: The names of the addresses that people work together by (`pages.views.teamwork`).
TEAM = (
    "comment",
    "claim",
    "release",
    "reassign",
    "watch",
    "unwatch",
    "break_glass",
    "review",
    "undo",
    "escalate",
    "extend",
)


class SeeOther(HttpResponseRedirect):
    """After a POST: look there, with GET."""

    status_code = 303


@dataclass(frozen=True, slots=True)
class Said:
    """What the page has to say about what was just tried."""

    status: int = 200
    problem: Problem | None = None
    wrong: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)
    #: The payload with its sensitive values, as canonical JSON, where they were asked for.
    revealed: bytes | None = None


def locate(request: HttpRequest, visitor: Visitor, req_id: str) -> tuple[Visitor, Row]:
    """The request, in whichever of the visitor's workspaces it is; that one is then looked at.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    try:
        request_id = ids.decode("req", req_id)
    except ids.BadId:
        raise not_found() from None
    return whichever(
        request, visitor, lambda reader: read.for_person(reader=reader, request_id=request_id)
    )


def refused(
    request: HttpRequest,
    visitor: Visitor,
    request_id: UUID,
    problem: Problem,
    kept: Mapping[str, str],
) -> HttpResponse:
    """The request as it stands now, and why nothing was decided."""
    if problem.status == 404:
        raise problem
    row = read.for_person(reader=visitor.reader, request_id=request_id)
    if problem.errors:
        wrong = " ".join(dict.fromkeys(_fault(fault) for fault in problem.errors))
        said = Said(problem.status, wrong=f"{wrong} Nothing was decided.", kept=kept)
    else:
        said = Said(problem.status, problem=problem, kept=kept)
    return page(request, visitor, row, said)


def _fault(fault: FieldError) -> str:
    """What is wrong, as a sentence that names the place in the payload."""
    said = fault.detail if fault.detail.endswith(".") else f"{fault.detail}."
    place = fault.pointer
    for whole in ("/edits/", "/answer/"):
        place = place.removeprefix(whole)
    if place == fault.pointer:
        return said
    named = place.replace("~1", "/").replace("~0", "~").strip("/").replace("/", " › ")
    return f"“{named}”: {said}"


def page(request: HttpRequest, visitor: Visitor, row: Row, said: Said) -> HttpResponse:
    """The inbox with this request open beside it."""
    shown = context(request, visitor, row, said)
    left = flash.take(request) if said.status == 200 else None
    listed = queue(visitor, Choice.of(request.GET), open_id=shown["detail"].shown.id)
    shown |= {
        "queue": listed,
        "open_id": shown["detail"].shown.id,
        "flash": left,
        "next_item": listed.items[0]
        if left and not shown["detail"].deciding and listed.choice.view == "mine" and listed.items
        else None,
    }
    response = render(request, "pages/inbox.html", shown, status=said.status)
    if said.problem is not None:
        for name, value in said.problem.headers.items():
            response.headers[name] = value
    return response


def context(request: HttpRequest, visitor: Visitor, row: Row, said: Said) -> dict[str, Any]:
    """What the templates of one request are written with."""
    whole = opened(request)
    looked = detail_of(visitor, row, said, whole=whole)
    here, kept = Choice.of(request.GET), {"whole": "1" if whole else ""}
    request_id = looked.shown.id
    return {
        "shell": visitor.shell,
        "here": "inbox",
        "now": timezone.now(),
        "detail": looked,
        "may_prove": looked.shown.plan.assurance == "mfa" and factors.has_any(visitor.user.id),
        "aside": aside(row, visitor),
        "queue": {"back_url": here.url("inbox")},
        "page_title": _title(looked, said),
        "problem": said.problem,
        "problem_text": _problem_text(said.problem),
        "problem_hint": "Below is the request as it stands now." if said.problem else "",
        "wrong": said.wrong,
        "kept": said.kept,
        "kept_fields": said.kept if said.wrong else {},
        "reasons": words.REASONS,
        "fragment_url": here.url("request_fragment", request_id, **kept),
        "decide_url": here.url("decide", request_id, **kept),
        "reveal_url": here.url("reveal", request_id, **kept),
        "whole_url": here.url("request", request_id, whole="1"),
        "cancel_url": here.url("cancel", request_id),
        "team_urls": {name: here.url(name, request_id) for name in TEAM},
    }


def opened(request: HttpRequest) -> bool:
    """Whether all of a large payload is asked for; forms of such a page say it, too."""
    return request.GET.get("whole") == "1"


def detail_of(visitor: Visitor, row: Row, said: Said, *, whole: bool = False) -> Detail:
    """The request as this visitor sees it; ``whole``: with all of its payload, however large."""
    plan: FrozenPlan = decode_plan(row.plan)
    members = members_of(row.workspace_id, roles_of(plan))
    shown = decode(present.render(row, for_person=True))
    if said.revealed is not None:
        shown = msgspec.structs.replace(shown, payload=msgspec.json.decode(said.revealed))
    return detail(
        shown,
        seen=standing(row, plan, visitor.reader, members),
        members=names_by_role(plan, members),
        revealed=said.revealed is not None,
        whole=whole,
    )


def _title(looked: Detail, said: Said) -> str:
    state = "" if looked.outcome is None else f"{looked.outcome[0]}: "
    if said.problem is not None or said.wrong:
        state = "Nothing decided: "
    return f"{state}{present_title(looked)} · Assentry"


def present_title(looked: Detail) -> str:
    """A request's title for the browser's own title, shortened there only."""
    title = looked.shown.title
    return title if len(title) <= 80 else title[:79] + "…"


def _problem_text(problem: Problem | None) -> str:
    """The detail without the sentence the page says itself, in bold."""
    if problem is None:
        return ""
    return _SAID_ALREADY.sub("", problem.detail).strip()


def back(request: HttpRequest, row: Row) -> HttpResponse:
    """To the request's page, with GET."""
    return SeeOther(Choice.of(request.GET).url("request", ids.encode("req", row.id)))
