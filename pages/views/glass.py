"""Past the plan in an emergency: an administrator's yes to exactly what stands there, proven as a decision is."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from approvals import break_glass
from approvals.row import Row
from core.canonical import parse_digest
from core.problems import Problem
from pages import flash
from pages.choice import Choice
from pages.forms import WordsForm
from pages.views.problems import told
from pages.views.proving import PAST_THE_PLAN, prove, proven
from pages.views.sessions import again
from pages.views.showing import Said, back, locate, page, refused
from pages.visitor import Visitor, signed_in


class BreakGlassForm(WordsForm):
    """A reason, and exactly what was looked at."""

    payload_digest = forms.CharField(max_length=100)

    def clean_payload_digest(self) -> bytes:
        """The 32 bytes of it."""
        try:
            return parse_digest(self.cleaned_data["payload_digest"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def break_glass_view(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Say yes past the plan, or say plainly that nothing was decided."""
    visitor, row = locate(request, visitor, req_id)
    if request.method != "POST":
        return back(request, row)
    kept = {"break_glass": request.POST.get("text", "")}
    form = BreakGlassForm(request.POST)
    if not form.is_valid():
        wrong = "Say why, in at most 3,900 characters. Nothing was decided."
        if "text" not in form.errors:
            wrong = "What was looked at is not named: load the page again. Nothing was decided."
        return page(request, visitor, row, Said(422, wrong=wrong, kept=kept))
    try:
        _confirm(request, visitor, row, form)
    except Problem as problem:
        if problem.code == "second_factor_needed":
            return prove(request, visitor, row, step=PAST_THE_PLAN)
        if problem.code == "sign_in_again":
            return again(Choice.of(request.GET).url("request", req_id))
        if problem.status in (401, 429):
            return prove(request, visitor, row, problem, step=PAST_THE_PLAN)
        return refused(request, visitor, row.id, problem, kept)
    said = "You said yes past the plan. It takes two administrators, and a review afterwards."
    flash.leave(request, "quiet", said)
    return back(request, row)


def _confirm(request: HttpRequest, visitor: Visitor, row: Row, form: BreakGlassForm) -> None:
    shown = proven(request, visitor, row, step=PAST_THE_PLAN)
    break_glass.confirm(
        actor=visitor.actor,
        reader=visitor.reader,
        request_id=row.id,
        payload_digest=form.cleaned_data["payload_digest"],
        reason=form.cleaned_data["text"],
        assurance=shown.assurance,
        revision=shown.revision,
    )
