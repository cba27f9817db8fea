"""The editor of the policy: one form, whose buttons check, compare, try and apply what is typed.

Nothing is saved but by the last press, and whatever comes of one, what was typed is on the page again.
"""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.problems import forbidden
from oversight.policy import Rights
from pages import flash, policy_help
from pages.policy_editor import DEEDS, Outcome, Shown, Typed, cases, hiding, shown, starter
from pages.views.policy import APPLIED, draft_of, found_version, frame, must_read
from pages.views.problems import told
from pages.views.settings import named
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from policies import comparing, outlook, services, trying, versions
from policies.active import active_version
from policies.errors import PolicyErrors
from policies.models import PolicyVersion


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def edit_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The editor, and what its buttons do."""
    if request.method != "POST":
        may = _must_open(visitor)
        typed, source = _begun(request, visitor)
        return _page(request, visitor, may, typed, Outcome(), source=source)
    visitor = named(request, visitor)
    may = _must_open(visitor)
    typed = Typed.of(request.POST)
    deed = next((one for one in DEEDS if one in request.POST), "check")
    _must_do(deed, may)
    outcome = Outcome(deed=deed)
    active = active_version(visitor.reader.workspace_id)
    if deed == "confirm":
        done = _confirm(request, visitor, typed, outcome)
        if done is not None:
            return done
        active = active_version(visitor.reader.workspace_id)
    elif deed == "try":
        _try(typed, outcome)
    else:
        _look(visitor, typed, outcome)
    if deed in ("compare", "apply", "confirm") and not outcome.faults:
        _compare(visitor, typed, outcome, active)
    if deed in ("apply", "confirm"):
        typed = _bind(visitor, typed, outcome, active)
        outcome.status = 422 if outcome.faults else outcome.status
    outcome.hides = hiding(typed.text)
    return _page(request, visitor, may, typed, outcome)


def _must_open(visitor: Visitor) -> Rights:
    may = must_read(visitor)
    if not may.opens:
        raise forbidden("Working on the policy takes its permission edit or approve.")
    return may


def _must_do(deed: str, may: Rights) -> None:
    """As the API asks for it."""
    if deed in ("apply", "confirm"):
        if not may.applies:
            raise forbidden("Making a policy active takes its permission approve.")
    elif not may.edits:
        raise forbidden("Working on the policy takes its permission edit.")


def _begun(request: HttpRequest, visitor: Visitor) -> tuple[Typed, int | None]:
    """What the editor opens with: the active version, an older one, or a document to begin with."""
    active = active_version(visitor.reader.workspace_id)
    base = active.number if active else 0
    text = request.GET.get("from", "")
    if text.isascii() and text.isdecimal() and len(text) < 10:
        older = found_version(visitor, int(text))
        return Typed(text=older.text, base=base), older.number
    if active is None:
        return Typed(text=starter(visitor.user.email)), None
    return Typed(text=active.text, base=base), base


def _look(visitor: Visitor, typed: Typed, outcome: Outcome) -> None:
    """Everything that is wrong with the document, and what should be known of it."""
    workspace = visitor.person.workspace
    try:
        document = services.check(workspace=workspace, text=typed.text)
    except PolicyErrors as found:
        outcome.faulty(typed.text, found)
        return
    outcome.is_sound = True
    outcome.warnings = outlook.warnings(workspace=workspace, document=document)


def _compare(
    visitor: Visitor, typed: Typed, outcome: Outcome, active: PolicyVersion | None
) -> None:
    """What it would change against the active version."""
    try:
        found = comparing.compare(workspace=visitor.person.workspace, text=typed.text)
    except PolicyErrors as faulty:
        outcome.faulty(typed.text, faulty)
    except comparing.NotAccepted as refused:
        outcome.wrong = str(refused)
    else:
        outcome.compared = shown(found, comparing.lines(active.text if active else "", typed.text))


def _try(typed: Typed, outcome: Outcome) -> None:
    """What comes of the document's own cases, and of the submission that was typed."""
    given = typed.given()
    if isinstance(given, str):
        outcome.wrong, outcome.wrong_field, outcome.status = given, "payload", 422
    try:
        outcome.cases = cases(services.run_tests(text=typed.text))
        if isinstance(given, trying.Given):
            outcome.say_tried(trying.try_one(text=typed.text, given=given))
    except PolicyErrors as found:
        outcome.faulty(typed.text, found)


def _confirm(
    request: HttpRequest, visitor: Visitor, typed: Typed, outcome: Outcome
) -> HttpResponse | None:
    """Make it active; None where that was refused, and the page has to say so."""
    if not typed.comment:
        outcome.wrong, outcome.wrong_field = "Say why, for whoever looks at it later.", "comment"
        outcome.status = 422
        _look(visitor, typed, outcome)
        return None
    try:
        applied = services.apply(
            actor=visitor.actor,
            workspace=visitor.person.workspace,
            text=typed.text,
            comment=typed.comment,
            expected=typed.base,
        )
    except PolicyErrors as found:
        outcome.faulty(typed.text, found)
    except services.BadComment as error:
        outcome.wrong, outcome.wrong_field, outcome.status = str(error), "comment", 422
        _look(visitor, typed, outcome)
    except services.Changed:
        _look(visitor, typed, outcome)
    else:
        number = applied.version.number
        said = (
            f"Version {number} is active: it plans every request from now on."
            if applied.is_new
            else f"Nothing changed: version {number} has this very text."
        )
        flash.leave(request, "ok", said)
        request.session[APPLIED] = str(visitor.person.id)
        return SeeOther(reverse("policy"))
    return None


def _bind(visitor: Visitor, typed: Typed, outcome: Outcome, active: PolicyVersion | None) -> Typed:
    """Bind what is about to be applied to the version that is active now, and say if that is another one
    than was edited."""
    number = active.number if active else 0
    if typed.base == number:
        return typed
    outcome.is_stale, outcome.status = True, 409
    if active is not None:
        [told_of] = versions.described(active.workspace_id, [active])
        outcome.meanwhile_by = told_of.author_name
        outcome.meanwhile = _since(visitor, typed.base, active)
    return replace(typed, base=number)


def _since(visitor: Visitor, base: int, active: PolicyVersion) -> Shown | None:
    """What others changed since the version that was edited."""
    before = versions.version(workspace=visitor.reader.workspace_id, number=base)
    if before is None:
        return None
    try:
        found = comparing.compare_versions(before=before, after=active)
    except comparing.NotAccepted:
        return None
    return shown(found, comparing.lines(before.text, active.text))


def _page(
    request: HttpRequest,
    visitor: Visitor,
    may: Rights,
    typed: Typed,
    outcome: Outcome,
    *,
    source: int | None = None,
) -> HttpResponse:
    context = frame(visitor, may) | {
        "typed": typed,
        "outcome": outcome,
        "source": source,
        "sections": policy_help.sections(),
        "next_number": typed.base + 1,
        "most_comment": services.MAX_COMMENT,
        "draft_of": draft_of(visitor),
        "now_on": "edit",
    }
    return render(request, "pages/policy_edit.html", context, status=outcome.status)
