"""What people do together about one request: words, who looks into it, following, a review, more time.

Each is a POST of a plain form that leads back to the request; a refusal shows it as it stands now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_http_methods

from approvals import break_glass, extending, handling, returning, undo
from approvals.row import Row
from core.problems import Problem
from escalations import by_hand
from pages import flash
from pages.forms import CancelForm, ExtendForm, ReassignForm, WordsForm
from pages.views.problems import told
from pages.views.showing import Said, back, locate, page, refused
from pages.visitor import Visitor, signed_in

View = Callable[..., HttpResponseBase]
#: Does it, given the form's fields, and says what was done.
Act = Callable[[Visitor, UUID, Mapping[str, Any]], str]


def _comment(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    returning.comment(
        actor=visitor.actor, reader=visitor.reader, request_id=request_id, text=typed["text"]
    )
    return "You wrote to the others."


def _claim(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    handling.claim(actor=visitor.actor, reader=visitor.reader, request_id=request_id)
    return "The others see that you look into it. They may decide all the same."


def _release(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    handling.release(actor=visitor.actor, reader=visitor.reader, request_id=request_id)
    return "You look into it no longer."


def _reassign(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    handling.reassign(
        actor=visitor.actor, reader=visitor.reader, request_id=request_id, to=typed["to"]
    )
    return "Everybody sees who looks into it now."


def _watch(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    handling.watch(reader=visitor.reader, request_id=request_id)
    return "You follow it: it stands under Watching."


def _unwatch(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    handling.unwatch(reader=visitor.reader, request_id=request_id)
    return "You follow it no longer."


def _review(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    break_glass.review(
        actor=visitor.actor, reader=visitor.reader, request_id=request_id, comment=typed["text"]
    )
    return "Your review stands with it."


def _undo(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    undo.revoke(
        actor=visitor.actor,
        reader=visitor.reader,
        request_id=request_id,
        reason=typed["reason"],
    )
    return "You took it back: nothing of it may run any more."


def _escalate(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    by_hand.escalate_now(actor=visitor.actor, reader=visitor.reader, request_id=request_id)
    return "The next step was taken now. Later ones keep their time."


def _extend(visitor: Visitor, request_id: UUID, typed: Mapping[str, Any]) -> str:
    extending.extend(
        actor=visitor.actor,
        reader=visitor.reader,
        request_id=request_id,
        by=typed["by"],
        reason=typed["text"],
    )
    return "It has more time now. That can be done once."


def _view(name: str, act: Act, form_class: type[forms.Form] | None) -> View:
    @require_http_methods(["GET", "HEAD", "POST"])
    @signed_in
    @told
    def view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
        visitor, row = locate(request, visitor, req_id)
        if request.method != "POST":
            return back(request, row)
        return _do(request, visitor, row, name, act, form_class)

    return view


def _do(
    request: HttpRequest,
    visitor: Visitor,
    row: Row,
    name: str,
    act: Act,
    form_class: type[forms.Form] | None,
) -> HttpResponse:
    typed: Mapping[str, Any] = {}
    kept = {name: request.POST.get("text", "")}
    if form_class is not None:
        form = form_class(request.POST)
        if not form.is_valid():
            wrong = _wrong(form)
            return page(request, visitor, row, Said(422, wrong=wrong, kept=kept))
        typed = form.cleaned_data
    try:
        said = act(visitor, row.id, typed)
    except Problem as problem:
        return refused(request, visitor, row.id, problem, kept)
    flash.leave(request, "quiet", said)
    return back(request, row)


def _wrong(form: forms.Form) -> str:
    """What to mend, as a sentence."""
    if "by" in form.errors:
        return f"{form.errors['by'][0]} Nothing was changed."
    return "Write something, of at most 3,900 characters. Nothing was changed."


#: The views by the names of their addresses.
VIEWS: Final[dict[str, View]] = {
    name: _view(name, act, form_class)
    for name, act, form_class in (
        ("comment", _comment, WordsForm),
        ("claim", _claim, None),
        ("release", _release, None),
        ("reassign", _reassign, ReassignForm),
        ("watch", _watch, None),
        ("unwatch", _unwatch, None),
        ("review", _review, WordsForm),
        ("undo", _undo, CancelForm),
        ("escalate", _escalate, None),
        ("extend", _extend, ExtendForm),
    )
}
