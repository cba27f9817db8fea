"""The agents' calls as Django serves them: the same functions as the raw front, in a request's thread."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from agents.authentication import presented_key
from api import hot
from api.answers import Answer, Call
from api.authentication import bearer
from api.doors import (
    AnyDoor,
    OpenDoor,
    agent_of,
    answer,
    body_of,
    call_of,
    idempotency_of,
    limit_of,
    listing,
    own_agent,
    replied,
    signed,
)
from api.errors import respond
from api.messages import CancelBody
from approvals import cancel, lists, read, recording, results
from approvals.looks import looked
from approvals.present import render
from approvals.submission import Recorded, ResultTold


class HotDoor(OpenDoor):
    """A hot call; its function authenticates."""

    #: Wrapped, since a function of a class would become its method.
    function: ClassVar[staticmethod[[Call], Answer]]

    def post(self, request: Request) -> HttpResponse:
        """Run the function, and wait in this thread where it may wait."""
        return respond(hot.settled(type(self).function(call_of(request))), request._request)


class Preview(HotDoor):
    """``/requests/preview``"""

    function = staticmethod(hot.preview)


class Wait(HotDoor):
    """``/requests/wait``"""

    function = staticmethod(hot.wait_any)


class Requests(HotDoor):
    """``/requests``: submit, and the agent's own list."""

    function = staticmethod(hot.submit)

    def get(self, request: Request) -> HttpResponse:
        """The agent's own requests, newest first."""
        caller, _ = hot.caller_of(call_of(request))
        query = request.query_params
        page = lists.list_for_agent(
            caller=caller,
            status=query.get("status"),
            action=query.get("action"),
            run=query.get("run"),
            cursor=query.get("cursor"),
            limit=limit_of(request),
        )
        return listing(request, page.items, page.next, page.previous)


class Questions(HotDoor):
    """``/questions``"""

    function = staticmethod(hot.ask)


class RequestDetail(AnyDoor):
    """``/requests/{id}``: for its agent, and for people who may see it."""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """The request object."""
        if bearer(request) is not None:
            found = hot.read_one(call_of(request, request_id))
            if request.method == "HEAD":
                found.park = None
            return respond(hot.settled(found), request._request)
        reader = signed(request).reader
        row = read.for_person(reader=reader, request_id=hot.request_uuid(request_id))
        if request.method == "GET":
            looked(person=reader.person_id, row=row)
        return answer(request, render(row, for_person=True))


class Cancel(AnyDoor):
    """``/requests/{id}/cancel``: by the agent that asked, or by its owner."""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """Withdraw a pending request."""
        subject = hot.request_uuid(request_id)
        caller = agent_of(request)
        if caller is not None:
            body = body_of(request, CancelBody)
            done = cancel.cancel_by_agent(caller=caller, request_id=subject, reason=body.reason)
            return answer(request, done)
        who = signed(request)
        body = body_of(request, CancelBody)
        done = cancel.cancel_by_owner(
            actor=who.actor, reader=who.reader, request_id=subject, reason=body.reason
        )
        return answer(request, done)


class Result(AnyDoor):
    """``/requests/{id}/result``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """The agent tells what came of it."""
        caller, subject = own_agent(request), hot.request_uuid(request_id)
        told = body_of(request, ResultTold)
        return answer(request, results.report(caller=caller, request_id=subject, told=told))


class Record(OpenDoor):
    """``/actions/record``; the service authenticates, in the statement that reads the policy."""

    def post(self, request: Request) -> HttpResponse:
        """The agent tells of an action that it took without asking."""
        presented = presented_key(request.headers.get("Authorization"))
        reply = recording.record(
            presented=presented,
            recorded=body_of(request, Recorded),
            idempotency=idempotency_of(request),
        )
        return replied(request, reply)
