"""Drills: started by administrators, confirmed by those whom they are for, and told of."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, answer, body_of, signed
from api.messages import NoBody
from api.rehearsal_messages import (
    DrillBody,
    DrillHead,
    DrillList,
    DrillMessage,
    DrillPersonShown,
    DrillReport,
)
from approvals.present import instant
from core import ids
from core.problems import FieldError, invalid, not_found
from escalations import drills
from escalations.drills import Head, Reached, Report
from notifications.drills import Message


class Drills(PeopleDoor):
    """``/drills``"""

    def get(self, request: Request) -> HttpResponse:
        """The latest: all for administrators, else those that one was in."""
        found = drills.newest(reader=signed(request).reader)
        return answer(request, DrillList([_head(one) for one in found]))

    def post(self, request: Request) -> HttpResponse:
        """Send one to everybody who would be told now."""
        who = signed(request)
        drills.must_administer(who.reader)
        body = body_of(request, DrillBody)
        if body.all_roles == (body.role is not None):
            detail = "Either the name of a role, or all_roles."
            raise invalid([FieldError("/role", "malformed", detail)])
        drill = drills.start(actor=who.actor, workspace=who.here.workspace_id, role=body.role)
        return answer(request, shown(drills.report(reader=who.reader, drill=drill)), 201)


class Drill(PeopleDoor):
    """``/drills/{id}``"""

    def get(self, request: Request, drill_id: str) -> HttpResponse:
        """What came of it so far."""
        who = signed(request)
        return answer(request, shown(drills.report(reader=who.reader, drill=drill_uuid(drill_id))))


class Confirm(PeopleDoor):
    """``/drills/{id}/confirm``"""

    def post(self, request: Request, drill_id: str) -> HttpResponse:
        """Say that one is there."""
        who, drill = signed(request), drill_uuid(drill_id)
        body_of(request, NoBody)
        drills.confirm(actor=who.actor, reader=who.reader, drill=drill)
        return answer(request, shown(drills.report(reader=who.reader, drill=drill)))


def drill_uuid(text: str) -> UUID:
    """The drill of a path.

    Raises:
        Problem: 404 for what is none.
    """
    try:
        return ids.decode("drl", text)
    except ids.BadId:
        raise not_found() from None


def shown(report: Report) -> DrillReport:
    """A report as the API shows it."""
    begin = report.head.created_at
    return DrillReport(
        **msgspec.structs.asdict(_head(report.head)),
        settled=report.settled,
        unreached=list(report.unreached),
        reports=[_person(one, begin) for one in report.people],
        places=[_message(one) for one in report.places],
    )


def _head(one: Head) -> DrillHead:
    return DrillHead(
        id=ids.encode("drl", one.id),
        role=one.role,
        by=one.by,
        created_at=instant(one.created_at),
        people=one.people,
        confirmed=one.confirmed,
    )


def _person(one: Reached, begin: datetime) -> DrillPersonShown:
    return DrillPersonShown(
        id=ids.encode("per", one.person),
        name=one.name,
        roles=list(one.roles),
        messages=[_message(message) for message in one.messages],
        reached=one.reached,
        seen_at=_at(one.seen_at),
        confirmed_at=_at(one.confirmed_at),
        took_s=_took(begin, one.confirmed_at),
    )


def _message(one: Message) -> DrillMessage:
    return DrillMessage(
        channel=one.channel,
        place=one.place,
        state=one.state,
        reason=one.reason,
        sent_at=_at(one.sent_at),
        took_s=_took(one.created_at, one.sent_at),
    )


def _at(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _took(begin: datetime, end: datetime | None) -> float | None:
    return None if end is None else round((end - begin).total_seconds(), 3)
