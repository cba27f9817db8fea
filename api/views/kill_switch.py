"""The kill switch over HTTP: for administrators, and for owners about their own agents."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.messages import KillBody, KillList, NoBody
from core import ids
from core.problems import FieldError, forbidden, invalid, not_found
from oversight import kill_switch
from oversight.access import may_stop, may_undo
from oversight.kill_switch import PREFIX, Order


class KillSwitch(PeopleDoor):
    """``/kill_switch``"""

    def post(self, request: Request) -> HttpResponse:
        """Press it, look what it would do, or drill."""
        who, body = signed(request), body_of(request, KillBody)
        order = Order(
            who.reader.workspace_id,
            body.scope,
            _target(who, body),
            body.reason,
            who.reader.person_id,
        )
        _check(who, order)
        done = kill_switch.run(actor=who.actor, order=order, mode=body.mode)
        return answer(request, done, 201 if body.mode == "press" else 200)

    def get(self, request: Request) -> HttpResponse:
        """The latest uses."""
        who = signed(request)
        _check_administers(who)
        return answer(request, KillList(kill_switch.newest(workspace=who.reader.workspace_id)))


class KillUndo(PeopleDoor):
    """``/kill_switch/{id}/undo``"""

    def post(self, request: Request, kill_id: str) -> HttpResponse:
        """Let its agents act again."""
        who = signed(request)
        body_of(request, NoBody)
        _check_administers(who)
        try:
            subject = ids.decode("kil", kill_id)
        except ids.BadId as error:
            raise not_found() from error
        done = kill_switch.undo(
            actor=who.actor,
            workspace=who.reader.workspace_id,
            kill_id=subject,
            person=who.reader.person_id,
        )
        return answer(request, done)


def _target(who: Signed, body: KillBody) -> UUID:
    if body.scope == "workspace" and body.target is None:
        return who.reader.workspace_id
    if body.scope == "owner" and body.target is None:
        return who.reader.person_id
    try:
        return ids.decode(PREFIX[body.scope], body.target or "")
    except ids.BadId as error:
        raise invalid([FieldError("/target", "invalid_id", str(error))]) from error


def _check(who: Signed, order: Order) -> None:
    if not may_stop(who.reader, order):
        raise forbidden(
            "Administrators stop every agent, owners their own.", code="not_administrator"
        )


def _check_administers(who: Signed) -> None:
    if not may_undo(who.reader):
        raise forbidden("Only administrators do this.", code="not_administrator")
