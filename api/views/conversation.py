"""What the agent says and changes while people decide, and every version of what it asked."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from agents.authentication import READ, require_scope
from api.doors import (
    AnyDoor,
    PeopleDoor,
    agent_of,
    answer,
    body_of,
    idempotency_of,
    own_agent,
    replied,
    signed,
)
from api.hot import request_uuid
from api.messages import CommentBody, RevisionList, RevisionShown
from approvals import returning, revising, revisions
from approvals.submission import AgentMessage, Revised


class Messages(AnyDoor):
    """``/requests/{id}/messages``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """The agent answers a return, or adds evidence."""
        caller, subject = own_agent(request), request_uuid(request_id)
        message = body_of(request, AgentMessage)
        reply = returning.say(
            caller=caller,
            request_id=subject,
            message=message,
            idempotency=idempotency_of(request),
        )
        return replied(request, reply)


class Comments(PeopleDoor):
    """``/requests/{id}/comments``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """A person writes to the others."""
        who, subject = signed(request), request_uuid(request_id)
        body = body_of(request, CommentBody)
        done = returning.comment(
            actor=who.actor, reader=who.reader, request_id=subject, text=body.text
        )
        return answer(request, done, 201)


class Revise(AnyDoor):
    """``/requests/{id}/revise``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """The agent changes its payload; it is planned anew, and earlier votes are void."""
        caller, subject = own_agent(request), request_uuid(request_id)
        revised = body_of(request, Revised)
        done = revising.revise(caller=caller, request_id=subject, revised=revised)
        return answer(request, done)


class Revisions(AnyDoor):
    """``/requests/{id}/revisions``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """Every version of the payload, and what each changed."""
        caller, subject = agent_of(request), request_uuid(request_id)
        if caller is not None:
            require_scope(caller, READ)
            found = revisions.for_agent(caller=caller, request_id=subject)
        else:
            found = revisions.for_person(reader=signed(request).reader, request_id=subject)
        return answer(request, RevisionList([_shown(one) for one in found]))


def _shown(one: revisions.Version) -> RevisionShown:
    return RevisionShown(
        revision=one.number,
        payload=one.payload,
        payload_digest=one.digest,
        author=one.author,
        policy_version=one.plan.version,
        rule=one.plan.rule,
        effect=one.plan.effect,
        changes=one.changes,
        created_at=one.created_at,
    )
