"""The page of one request, and how a person decides on it.

Looking decides nothing; it is noted with what its reader was told.  Deciding, opening covered values and withdrawing are POSTs of plain forms;
a refusal shows the request as it stands now, and says that nothing was decided.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from approvals import answer_form as answering
from approvals import edit_form as editing
from approvals import read, words
from approvals.cancel import cancel_by_owner
from approvals.choices import choice
from approvals.decide import decide
from approvals.edit_form import Unreadable
from approvals.frozen import decode as decode_plan
from approvals.looks import looked
from approvals.row import Row
from approvals.shown import row_digest
from core.problems import Problem, conflict
from notifications.viewing import viewed
from pages import flash
from pages.choice import Choice
from pages.detail import OPENED_FIRST, decode
from pages.forms import CancelForm, DecisionForm
from pages.views.problems import told
from pages.views.proving import prove, proven
from pages.views.sessions import again
from pages.views.showing import Said, back, context, detail_of, locate, opened, page, refused
from pages.visitor import CHANNEL, Visitor, signed_in

UNOPENED = (
    "Open the whole payload before you approve it: it carries much risk. Nothing was decided."
)


@require_safe
@signed_in
@told
def request_page(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """One request beside the list."""
    visitor, row = locate(request, visitor, req_id)
    if request.method == "GET":
        viewed(person=visitor.person.id, request=row.id)
        looked(person=visitor.person.id, row=row)
    return page(request, visitor, row, Said())


@require_safe
@signed_in
@told
def request_fragment(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """One request alone, for a page that is open."""
    visitor, row = locate(request, visitor, req_id)
    if request.method == "GET":  # it may be a revision that was not there when the page was opened
        looked(person=visitor.person.id, row=row)
    return render(request, "parts/request.html", context(request, visitor, row, Said()))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def decide_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Count this person's verdict on exactly what they saw, or say plainly that nothing was decided."""
    visitor, row = locate(request, visitor, req_id)
    if request.method != "POST":
        return back(request, row)
    form = DecisionForm(request.POST, comment_rule=decode_plan(row.plan).comment)
    kept = {
        name: value
        for name, value in request.POST.items()
        if isinstance(value, str) and name not in ("stage", "payload_digest")
    }
    if row.status != "pending":
        ended = conflict("request_ended", f"This request has ended: {row.status}.")
        return refused(request, visitor, row.id, ended, kept)
    if wrong := _wrong(request, visitor, row, form):
        return page(request, visitor, row, Said(422, wrong=wrong, kept=kept))
    try:
        extra = _typed(request, visitor, row, form.cleaned_data["verdict"])
    except Unreadable as error:
        said = Said(422, wrong=f"{error} Nothing was decided.", kept=kept)
        return page(request, visitor, row, said)
    try:
        shown = proven(request, visitor, row)
    except Problem as problem:
        if problem.status == 409:
            return refused(request, visitor, row.id, problem, kept)
        return prove(request, visitor, row, problem)
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
                assurance=shown.assurance,
                revision=shown.revision,
                shown_digest=row_digest(row, CHANNEL),
                **extra,
            ),
        )
    except Problem as problem:
        if problem.code == "second_factor_needed":
            return prove(request, visitor, row)
        if problem.code == "sign_in_again":
            return again(Choice.of(request.GET).url("request", req_id))
        return refused(request, visitor, row.id, problem, kept)
    flash.leave(request, *_done(rendered, form.cleaned_data["verdict"]))
    return back(request, row)


def _wrong(request: HttpRequest, visitor: Visitor, row: Row, form: DecisionForm) -> str:
    """Why what was posted is no decision; empty where it is one."""
    if not form.is_valid():
        return form.said()
    return UNOPENED if _unopened(request, visitor, row, form.cleaned_data["verdict"]) else ""


def _unopened(request: HttpRequest, visitor: Visitor, row: Row, verdict: str) -> bool:
    """Whether it is a yes to something risky of which the page showed only a part."""
    if verdict not in ("approve", "edit") or row.risk not in OPENED_FIRST or opened(request):
        return False
    return detail_of(visitor, row, Said()).left_out > 0


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
    deciding = detail_of(visitor, row, Said(), whole=opened(request)).deciding
    edits = editing.read(form, deciding.edits if deciding else [])
    if not edits:
        raise Unreadable("You changed nothing: approve it as it is, or change a value.")
    return {"edits": edits}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def reveal_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Show covered values once, in this answer only; that somebody looked is recorded."""
    visitor, row = locate(request, visitor, req_id)
    if request.method != "POST":
        return back(request, row)
    whole = read.show_sensitive(actor=visitor.actor, reader=visitor.reader, request_id=row.id)
    return page(request, visitor, row, Said(revealed=whole))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def cancel_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Withdraw a request of one's own agent."""
    visitor, row = locate(request, visitor, req_id)
    if request.method != "POST":
        return back(request, row)
    form = CancelForm(request.POST)
    if not form.is_valid():
        return page(
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
        return refused(request, visitor, row.id, problem, {})
    flash.leave(request, "quiet", "You withdrew the request. The agent is told not to run it.")
    return back(request, row)


def _done(rendered: bytes, verdict: str) -> tuple[str, str]:
    """What this person did, and its tone; what it came to, the page itself says below."""
    shown = decode(rendered)
    said = words.done(verdict, question=shown.kind == "question")
    if shown.status == "pending" and verdict == "return":
        return "quiet", f"{said} It is told what you wrote."
    if shown.status == "pending":
        return "quiet", f"{said} It still waits for others."
    return words.TONES.get(shown.status, "quiet"), said
