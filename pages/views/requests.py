"""The page of one request, and the few things a person may do to it.

Looking changes nothing.  Deciding, opening covered values and withdrawing are POSTs of plain forms;
a refusal shows the request as it stands now, and says that nothing was decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from approvals import present, read
from approvals.cancel import cancel_by_owner
from approvals.choices import choice
from approvals.decide import decide
from approvals.frozen import FrozenPlan
from approvals.frozen import decode as decode_plan
from approvals.row import Row
from core import ids
from core.problems import FieldError, Problem, conflict, not_found
from pages import answering, editing, flash, words
from pages.detail import Detail, decode, detail
from pages.editing import Unreadable
from pages.forms import CancelForm, DecisionForm
from pages.queue import Choice, queue
from pages.standing import members_of, names_by_role, roles_of, standing
from pages.views.problems import told
from pages.visitor import CHANNEL, Visitor, choose, signed_in

#: What a browser session proves (policy.md, "Assurance").
ASSURANCE = "session"


#: Services say it too; the page says it once, first and in bold.
_SAID_ALREADY = re.compile(r"Nothing was decided(: look again)?\.")


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


@require_safe
@signed_in
@told
def request_page(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """One request beside the list."""
    visitor, row = _locate(request, visitor, req_id)
    return _page(request, visitor, row, Said())


@require_safe
@signed_in
@told
def request_fragment(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """One request alone, for a page that is open."""
    visitor, row = _locate(request, visitor, req_id)
    return render(request, "parts/request.html", _context(request, visitor, row, Said()))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def decide_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Count this person's verdict on exactly what they saw, or say plainly that nothing was decided."""
    visitor, row = _locate(request, visitor, req_id)
    if request.method != "POST":
        return _back(request, row)
    form = DecisionForm(request.POST, comment_rule=decode_plan(row.plan).comment)
    kept = {
        name: value
        for name, value in request.POST.items()
        if isinstance(value, str) and name not in ("stage", "payload_digest")
    }
    if row.status != "pending":
        ended = conflict("request_ended", f"This request has ended: {row.status}.")
        return _refused(request, visitor, row.id, ended, kept)
    if not form.is_valid():
        return _page(request, visitor, row, Said(422, wrong=form.said(), kept=kept))
    try:
        extra = _typed(request, visitor, row, form.cleaned_data["verdict"])
    except Unreadable as error:
        said = Said(422, wrong=f"{error} Nothing was decided.", kept=kept)
        return _page(request, visitor, row, said)
    try:
        rendered = decide(
            actor=visitor.actor,
            reader=visitor.reader,
            request_id=row.id,
            chosen=choice(
                verdict=form.cleaned_data["verdict"],
                stage=form.cleaned_data["stage"],
                payload_digest=form.cleaned_data["payload_digest"],
                comment=form.cleaned_data["comment"],
                channel=CHANNEL,
                assurance=ASSURANCE,
                **extra,
            ),
        )
    except Problem as problem:
        return _refused(request, visitor, row.id, problem, kept)
    flash.leave(request, *_done(rendered, form.cleaned_data["verdict"]))
    return _back(request, row)


def _typed(request: HttpRequest, visitor: Visitor, row: Row, verdict: str) -> dict[str, Any]:
    """What goes with an edit or an answer, from the fields that the page offered.

    Raises:
        Unreadable: a field does not hold what it should, or nothing was changed.
    """
    form = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    if verdict == "answer":
        return {"answer": answering.read(form, msgspec.json.decode(row.payload))}
    if verdict != "edit":
        return {}
    deciding = _detail(visitor, row, Said()).deciding
    edits = editing.read(form, deciding.edits if deciding else [])
    if not edits:
        raise Unreadable("You changed nothing: approve it as it is, or change a value.")
    return {"edits": edits}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def reveal_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Show covered values once, in this answer only; that somebody looked is recorded."""
    visitor, row = _locate(request, visitor, req_id)
    if request.method != "POST":
        return _back(request, row)
    whole = read.show_sensitive(actor=visitor.actor, reader=visitor.reader, request_id=row.id)
    return _page(request, visitor, row, Said(revealed=whole))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def cancel_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Withdraw a request of one's own agent."""
    visitor, row = _locate(request, visitor, req_id)
    if request.method != "POST":
        return _back(request, row)
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _page(
            request, visitor, row, Said(422, wrong="The reason is too long. Nothing was changed.")
        )
    try:
        cancel_by_owner(
            actor=visitor.actor,
            reader=visitor.reader,
            request_id=row.id,
            reason=form.cleaned_data["reason"],
        )
    except Problem as problem:
        return _refused(request, visitor, row.id, problem, {})
    flash.leave(request, "quiet", "You withdrew the request. The agent is told not to run it.")
    return _back(request, row)


def _locate(request: HttpRequest, visitor: Visitor, req_id: str) -> tuple[Visitor, Row]:
    """The request, in whichever of the visitor's workspaces it is; that one is then looked at.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    try:
        request_id = ids.decode("req", req_id)
    except ids.BadId:
        raise not_found() from None
    for each in chain([visitor], visitor.elsewhere()):
        try:
            row = read.for_person(reader=each.reader, request_id=request_id)
        except Problem as problem:
            if problem.status != 404:
                raise
        else:
            choose(request, each.person)
            return each, row
    raise not_found()


def _refused(
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
    return _page(request, visitor, row, said)


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


def _page(request: HttpRequest, visitor: Visitor, row: Row, said: Said) -> HttpResponse:
    context = _context(request, visitor, row, said)
    left = flash.take(request) if said.status == 200 else None
    listed = queue(visitor, Choice.of(request.GET), open_id=context["detail"].shown.id)
    context |= {
        "queue": listed,
        "open_id": context["detail"].shown.id,
        "flash": left,
        "next_item": listed.items[0]
        if left and listed.choice.view == "mine" and listed.items
        else None,
    }
    response = render(request, "pages/inbox.html", context, status=said.status)
    if said.problem is not None:
        for name, value in said.problem.headers.items():
            response.headers[name] = value
    return response


def _context(request: HttpRequest, visitor: Visitor, row: Row, said: Said) -> dict[str, Any]:
    looked = _detail(visitor, row, said)
    here = Choice.of(request.GET)
    request_id = looked.shown.id
    return {
        "shell": visitor.shell,
        "now": timezone.now(),
        "detail": looked,
        "queue": {"back_url": here.url("inbox")},
        "page_title": _title(looked, said),
        "problem": said.problem,
        "problem_text": _problem_text(said.problem),
        "problem_hint": "Below is the request as it stands now." if said.problem else "",
        "wrong": said.wrong,
        "kept": said.kept,
        "kept_fields": said.kept if said.wrong else {},
        "reasons": words.REASONS,
        "fragment_url": here.url("request_fragment", request_id),
        "decide_url": here.url("decide", request_id),
        "reveal_url": here.url("reveal", request_id),
        "cancel_url": here.url("cancel", request_id),
    }


def _detail(visitor: Visitor, row: Row, said: Said) -> Detail:
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


def _done(rendered: bytes, verdict: str) -> tuple[str, str]:
    """What this person did, and its tone; what it came to, the page itself says below."""
    shown = decode(rendered)
    said = words.done(verdict, question=shown.kind == "question")
    if shown.status == "pending" and verdict == "return":
        return "quiet", f"{said} It is told what you wrote."
    if shown.status == "pending":
        return "quiet", f"{said} It still waits for others."
    return words.TONES.get(shown.status, "quiet"), said


def _back(request: HttpRequest, row: Row) -> HttpResponse:
    return SeeOther(Choice.of(request.GET).url("request", ids.encode("req", row.id)))
