"""Giving a second factor for one decision: for exactly this request, revision and payload.

A verdict that needs one is not counted: its form comes back with a place for the factor, and is posted
again.  What was shown is what it is for; an edit or a change meanwhile makes it void.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from approvals.assurance import Proven
from approvals.row import Row
from core import ids
from core.canonical import show_digest
from core.problems import Problem, conflict
from pages.answers import PasskeyAnswer, asked
from pages.choice import Choice
from pages.views.problems import told
from pages.views.showing import Said, detail_of, locate, opened
from pages.visitor import Visitor, signed_in
from people import factors, passkeys
from people.own_sessions import confirmed, proves
from people.passkeys import Asked

#: Never carried over: each is for one try.
_ONCE = frozenset({"csrfmiddlewaretoken", "code", "challenge", "credential", "revision"})


@dataclass(frozen=True, slots=True)
class Step:
    """What a factor is given for: its purpose, the addresses of its form and of its passkeys' challenges."""

    purpose: str
    address: str
    ask_address: str
    #: What the person chose, where their form does not say it.
    chosen: str = ""


DECIDING: Final = Step(passkeys.DECIDE, "decide", "ask_decide")
PAST_THE_PLAN: Final = Step(
    passkeys.PAST_THE_PLAN, "break_glass", "ask_break_glass", "approve past the plan"
)


def proven(request: HttpRequest, visitor: Visitor, row: Row, *, step: Step = DECIDING) -> Proven:
    """What the posted form proves: a second factor, where one is in it, else what the session does.

    Raises:
        Problem: 401 the factor is wrong, or was given for something else; 429 after too many.
    """
    given, code = PasskeyAnswer.of(request), request.POST.get("code", "")
    if given is None and not code:
        return Proven(proves(request))
    if request.POST.get("revision") != str(row.revision):
        raise _changed()
    if given is not None:
        factors.check_passkey(
            visitor.user,
            purpose=step.purpose,
            challenge=given.challenge,
            answer=given.answer,
            about=_about(row, step),
        )
    else:
        factors.check_code(visitor.user, code, purpose=step.purpose, recovery=False)
    confirmed(request)
    return Proven("mfa", row.revision)


@require_POST
@signed_in
@told
def ask_view(request: HttpRequest, visitor: Visitor, req_id: str, step: Step) -> HttpResponse:
    """A challenge for the visitor's passkeys, for what their page shows and nothing else."""
    visitor, row = locate(request, visitor, req_id)

    def ask() -> Asked:
        shown = (request.POST.get("payload_digest"), request.POST.get("revision"))
        if shown != (show_digest(row.digest), str(row.revision)):
            raise _changed()
        return passkeys.ask(visitor.user, step.purpose, _about(row, step))

    return asked(ask)


def prove(
    request: HttpRequest,
    visitor: Visitor,
    row: Row,
    problem: Problem | None = None,
    *,
    step: Step = DECIDING,
) -> HttpResponse:
    """What was chosen once more, with a place for the factor; nothing was decided."""
    held, verdict = factors.held(visitor.user), step.chosen or request.POST.get("verdict", "")
    looked = detail_of(visitor, row, Said())
    request_id = ids.encode("req", row.id)
    here, kept = Choice.of(request.GET), {"whole": "1" if opened(request) else ""}
    context: dict[str, Any] = {
        "shell": visitor.shell,
        "here": "inbox",
        "detail": looked,
        "verdict": verdict,
        "fields": [(name, value) for name, value in request.POST.items() if name not in _ONCE],
        "revision": row.revision,
        "decide_url": here.url(step.address, request_id, **kept),
        "ask_url": here.url(step.ask_address, request_id),
        "back_url": here.url("request", request_id, **kept),
        "totp": held.totp is not None,
        "passkeys": bool(held.passkeys),
        "home": passkeys.home().origin,
        "wrong": "" if problem is None else problem.detail,
    }
    status = 200
    if problem is not None:
        status = 422 if problem.status == 401 else problem.status
    elif not held.any:
        status = 403
    response = render(request, "pages/prove.html", context, status=status)
    if problem is not None and "Retry-After" in problem.headers:
        response.headers["Retry-After"] = problem.headers["Retry-After"]
    return response


def _about(row: Row, step: Step) -> bytes:
    return passkeys.digest(step.purpose, row.id, row.revision, row.digest.hex())


def _changed() -> Problem:
    return conflict(
        "stale_payload",
        "It was changed meanwhile. Nothing was decided: look again, and choose again.",
    )
