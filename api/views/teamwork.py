"""What people do together about requests: who looks into one, several at once, past the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.answers import instance
from api.clock_messages import ClockShown, ExtendBody, StepComing, StepTaken
from api.doors import CHANNEL, PeopleDoor, answer, body_of, limit_of, listing, signed
from api.errors import id_of
from api.hot import request_uuid
from api.messages import (
    AlikeBody,
    AlikeOutcome,
    AlikeOutcomes,
    BreakGlassBody,
    NoBody,
    ReassignBody,
    ReviewBody,
)
from api.proving import proven
from approvals import break_glass, bulk, extending, handling, lists, read
from approvals.choices import choice
from approvals.present import instant, render
from core import durations, ids
from core.canonical import parse_digest
from core.problems import FieldError, bad_query, invalid
from escalations import by_hand, story
from people.own_sessions import proves
from people.passkeys import PAST_THE_PLAN


class Handling(PeopleDoor):
    """A word about who looks into a request; its service writes it."""

    #: Wrapped, since a function of a class would become its method.
    service: ClassVar[staticmethod[..., bytes]]

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """The request as it then stands."""
        who, subject = signed(request), request_uuid(request_id)
        body_of(request, NoBody)
        service: Callable[..., bytes] = type(self).service
        return answer(request, service(actor=who.actor, reader=who.reader, request_id=subject))


class Claim(Handling):
    """``/requests/{id}/claim``"""

    service = staticmethod(handling.claim)


class Release(Handling):
    """``/requests/{id}/release``"""

    service = staticmethod(handling.release)


class Escalate(Handling):
    """``/requests/{id}/escalate``"""

    service = staticmethod(by_hand.escalate_now)


class Extend(PeopleDoor):
    """``/requests/{id}/extend``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """Give it more time."""
        who, subject = signed(request), request_uuid(request_id)
        body = body_of(request, ExtendBody)
        try:
            by = durations.parse(body.by)
        except durations.DurationError as error:
            raise invalid([FieldError("/by", "malformed", str(error))]) from error
        done = extending.extend(
            actor=who.actor, reader=who.reader, request_id=subject, by=by, reason=body.reason
        )
        return answer(request, done)


class Clock(PeopleDoor):
    """``/requests/{id}/clock``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """The steps that were taken while nobody decided, and those to come."""
        who, subject = signed(request), request_uuid(request_id)
        read.for_person(reader=who.reader, request_id=subject)
        return answer(request, _clock(story.clock_of(subject)))


class Reassign(PeopleDoor):
    """``/requests/{id}/reassign``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """Another one looks into it."""
        who, subject = signed(request), request_uuid(request_id)
        body = body_of(request, ReassignBody)
        done = handling.reassign(actor=who.actor, reader=who.reader, request_id=subject, to=body.to)
        return answer(request, done)


class Watch(PeopleDoor):
    """``/requests/{id}/watch``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """Follow it."""
        who, subject = signed(request), request_uuid(request_id)
        body_of(request, NoBody)
        handling.watch(reader=who.reader, request_id=subject)
        return HttpResponse(status=204)

    def delete(self, request: Request, request_id: str) -> HttpResponse:
        """Follow it no longer."""
        who, subject = signed(request), request_uuid(request_id)
        handling.unwatch(reader=who.reader, request_id=subject)
        return HttpResponse(status=204)


class Alike(PeopleDoor):
    """``/decisions``"""

    def post(self, request: Request) -> HttpResponse:
        """One person's verdict on each of several requests that are alike."""
        who, body = signed(request), body_of(request, AlikeBody)
        chosen = [
            (
                request_uuid(one.id),
                choice(
                    verdict=body.verdict,
                    stage=one.stage,
                    payload_digest=one.payload_digest,
                    comment=body.comment,
                    channel=CHANNEL,
                    assurance=proves(request._request),
                ),
            )
            for one in body.requests
        ]
        found = bulk.decide_alike(actor=who.actor, reader=who.reader, chosen=chosen)
        return answer(request, AlikeOutcomes([_outcome(request, one) for one in found]))


class BreakGlass(PeopleDoor):
    """``/requests/{id}/break_glass``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """An administrator says yes past the plan."""
        who, subject = signed(request), request_uuid(request_id)
        body = body_of(request, BreakGlassBody)
        try:
            digest = parse_digest(body.payload_digest)
        except ValueError as error:
            fault = FieldError("/payload_digest", "invalid_digest", str(error))
            raise invalid([fault]) from error
        shown = proven(
            request,
            who,
            read.for_person(reader=who.reader, request_id=subject),
            body.code,
            PAST_THE_PLAN,
        )
        done = break_glass.confirm(
            actor=who.actor,
            reader=who.reader,
            request_id=subject,
            payload_digest=digest,
            reason=body.reason,
            assurance=shown.assurance,
            revision=shown.revision,
        )
        return answer(request, done)


class Review(PeopleDoor):
    """``/requests/{id}/break_glass/review``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """A third person looked at it."""
        who, subject = signed(request), request_uuid(request_id)
        body = body_of(request, ReviewBody)
        done = break_glass.review(
            actor=who.actor, reader=who.reader, request_id=subject, comment=body.comment
        )
        return answer(request, done)


class PastThePlan(PeopleDoor):
    """``/break_glass``"""

    def get(self, request: Request) -> HttpResponse:
        """What was approved past its plan."""
        query = request.query_params
        wanted = query.get("reviewed")
        if wanted not in (None, "true", "false"):
            raise bad_query("reviewed", "true or false.")
        page = lists.past_the_plan(
            reader=signed(request).reader,
            reviewed=None if wanted is None else wanted == "true",
            cursor=query.get("cursor"),
            limit=limit_of(request),
        )
        items = [render(row, for_person=True) for row in page.items]
        return listing(request, items, page.next, page.previous)


def _outcome(request: Request, one: bulk.Outcome) -> AlikeOutcome:
    shown: Any = None if one.rendered is None else msgspec.Raw(one.rendered)
    problem = None if one.problem is None else one.problem.as_dict(instance(id_of(request)))
    return AlikeOutcome(ids.encode("req", one.request_id), shown, problem)


def _clock(clock: story.Clock) -> ClockShown:
    return ClockShown(
        taken=[
            StepTaken(
                revision=one.revision,
                stage=one.stage,
                step=one.number,
                does=one.does,
                target=one.target,
                state=one.state,
                cause=one.cause,
                reason=one.reason,
                by=one.by,
                told=one.told,
                due_at=instant(one.due_at),
                at=instant(one.at),
                undelivered_at=None if one.undelivered_at is None else instant(one.undelivered_at),
            )
            for one in clock.taken
        ],
        coming=[
            StepComing(
                one.number, one.does, one.target, None if one.at is None else instant(one.at)
            )
            for one in clock.coming
        ],
        stands_still=clock.stands_still,
    )
