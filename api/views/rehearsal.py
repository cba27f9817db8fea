"""What lies ahead: times that nobody covers, and what would happen if nobody answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, answer, body_of, signed
from api.hot import request_uuid
from api.rehearsal_messages import (
    CoverageShown,
    InformedShown,
    MomentShown,
    PlaceShown,
    RehearsalBody,
    RehearsalShown,
    RoleCoverageShown,
)
from approvals.present import instant
from approvals.shape import TimeShown
from core import durations, ids
from core.db import pool
from core.problems import FieldError, bad_query, invalid
from escalations import rehearsal_words, rehearsing
from escalations.rehearsal import Moment
from escalations.rehearsing import Draft, Rehearsed
from people.coverage import DAYS, MOST_DAYS, RoleCoverage, Span
from policies import outlook

_LONGEST: Final = len(str(MOST_DAYS))


class Coverage(PeopleDoor):
    """``/coverage``"""

    def get(self, request: Request) -> HttpResponse:
        """When nobody could decide, and when nobody is on duty, by role."""
        who, days = signed(request), _days(request)
        with pool().connection() as conn:
            begin, until, roles = outlook.ahead(conn, who.here.workspace_id, days=days)
        shown = [_role(role) for role in roles]
        return answer(request, CoverageShown(instant(begin), instant(until), shown))


def _days(request: Request) -> int:
    text = request.query_params.get("days", str(DAYS))
    if (
        text.isascii()
        and text.isdecimal()
        and len(text) <= _LONGEST
        and 1 <= int(text) <= MOST_DAYS
    ):
        return int(text)
    raise bad_query("days", f"A whole number from 1 to {MOST_DAYS}.")


def _role(role: RoleCoverage) -> RoleCoverageShown:
    return RoleCoverageShown(
        role=role.role,
        title=role.title,
        schedule=role.schedule,
        timezone=role.timezone,
        uncovered=[_span(one) for one in role.uncovered],
        off_duty=[_span(one) for one in role.off_duty],
    )


def _span(span: Span) -> TimeShown:
    return TimeShown(instant(span.begin), instant(span.end))


class Rehearsal(PeopleDoor):
    """``/requests/{id}/rehearsal``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """What would happen to a request from now on."""
        who, subject = signed(request), request_uuid(request_id)
        return answer(request, shown(rehearsing.of_request(reader=who.reader, request_id=subject)))


class Rehearsals(PeopleDoor):
    """``/rehearsals``"""

    def post(self, request: Request) -> HttpResponse:
        """What would happen to a request that an agent might submit."""
        who, body = signed(request), body_of(request, RehearsalBody)
        draft = Draft(_agent(body.agent), body.action, body.payload, _at(body), _life(body))
        return answer(
            request, shown(rehearsing.of_draft(workspace=who.here.workspace_id, draft=draft))
        )


def _agent(text: str) -> UUID:
    try:
        return ids.decode("agt", text)
    except ids.BadId:
        raise rehearsing.unknown_agent() from None


def _at(body: RehearsalBody) -> datetime | None:
    if body.at is None:
        return None
    try:
        found = datetime.fromisoformat(body.at)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        detail = "An instant with its offset, such as 2026-11-01T03:00:00Z."
        raise invalid([FieldError("/at", "malformed", detail)])
    return found


def _life(body: RehearsalBody) -> timedelta | None:
    try:
        return None if body.expires_in is None else durations.parse(body.expires_in)
    except durations.DurationError as error:
        raise invalid([FieldError("/expires_in", "invalid_duration", str(error))]) from error


def shown(found: Rehearsed) -> RehearsalShown:
    """A rehearsal as the API shows it."""
    return RehearsalShown(
        begin=instant(found.begin),
        effect=found.plan.effect,
        rule=found.plan.rule,
        why=found.plan.why,
        risk=found.risk,
        title=found.title,
        notes=list(found.plan.notes),
        moments=[_moment(moment) for moment in found.moments],
    )


def _moment(moment: Moment) -> MomentShown:
    return MomentShown(
        at=instant(moment.at),
        what=moment.what,
        said=rehearsal_words.said(moment),
        stage=moment.stage,
        step=moment.step,
        target=moment.target,
        roles=list(moment.roles),
        people=[
            InformedShown(
                ids.encode("per", one.person),
                one.name,
                list(one.channels),
                None if one.at is None else instant(one.at),
                one.stands_in_for,
            )
            for one in moment.people
        ],
        places=[PlaceShown(one.role, one.channel, one.name) for one in moment.places],
        skipped=moment.skipped,
        sooner=moment.sooner,
    )
