"""Erasures and legal holds over HTTP, for administrators."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.messages import ErasureBody, ErasureList, HoldBody, HoldList, LiftBody
from core import ids
from core.problems import FieldError, forbidden, invalid, not_found
from oversight import erasure, holds
from oversight.erasure import Wanted
from oversight.holds import Scope


class Erasures(PeopleDoor):
    """``/erasures``"""

    def post(self, request: Request) -> HttpResponse:
        """Erase a subject, or look what would be erased."""
        who = _administrator(request)
        body = body_of(request, ErasureBody)
        wanted = Wanted(
            who.reader.workspace_id,
            body.reason,
            request=_named("req", body.request, "/request"),
            containing=body.containing,
            subject=_named("per", body.person, "/person"),
            person=who.reader.person_id,
        )
        done = erasure.erase(actor=who.actor, wanted=wanted, dry_run=body.dry_run)
        return answer(request, done, 200 if done.id is None else 201)

    def get(self, request: Request) -> HttpResponse:
        """The latest ones."""
        who = _administrator(request)
        return answer(request, ErasureList(erasure.newest(workspace=who.reader.workspace_id)))


class Holds(PeopleDoor):
    """``/holds``"""

    def post(self, request: Request) -> HttpResponse:
        """Set one."""
        who = _administrator(request)
        body = body_of(request, HoldBody)
        scope, target = _covered(who, body)
        made = holds.put(
            actor=who.actor,
            workspace=who.reader.workspace_id,
            scope=scope,
            target=target,
            reason=body.reason,
            person=who.reader.person_id,
        )
        return answer(request, made, 201)

    def get(self, request: Request) -> HttpResponse:
        """All of them, lifted ones too."""
        who = _administrator(request)
        return answer(request, HoldList(holds.newest(workspace=who.reader.workspace_id)))


class Lift(PeopleDoor):
    """``/holds/{id}/lift``"""

    def post(self, request: Request, hold_id: str) -> HttpResponse:
        """Lift it."""
        who = _administrator(request)
        body = body_of(request, LiftBody)
        try:
            hold = ids.decode("hld", hold_id)
        except ids.BadId as error:
            raise not_found() from error
        lifted = holds.lift(
            actor=who.actor,
            workspace=who.reader.workspace_id,
            hold=hold,
            reason=body.reason,
            person=who.reader.person_id,
        )
        return answer(request, lifted)


def _administrator(request: Request) -> Signed:
    who = signed(request)
    if "administer" not in who.reader.permissions:
        raise forbidden("Only administrators do this.", code="not_administrator")
    return who


def _covered(who: Signed, body: HoldBody) -> tuple[Scope, UUID]:
    if body.request is not None and body.person is not None:
        fault = FieldError("/person", "one_subject", "A request or a person, not both.")
        raise invalid([fault])
    return holds.covered(
        who.reader.workspace_id,
        request=_named("req", body.request, "/request"),
        person=_named("per", body.person, "/person"),
    )


def _named(prefix: str, text: str | None, pointer: str) -> UUID | None:
    if text is None:
        return None
    try:
        return ids.decode(prefix, text)
    except ids.BadId as error:
        raise invalid([FieldError(pointer, "invalid_id", str(error))]) from error
