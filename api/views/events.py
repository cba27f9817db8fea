"""Following one request: the view lets somebody in, the raw front holds the stream."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from agents.authentication import READ, require_scope
from api.answers import Answer
from api.doors import AnyDoor, agent_of, signed
from api.errors import respond
from api.front import ADMITTED
from api.hot import request_uuid
from api.streams import Admission, RequestAdmission, State, last_event_id
from approvals import read
from approvals.access import Reader
from approvals.present import render


class RequestEvents(AnyDoor):
    """``/requests/{id}/events``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """Leave for the front whose stream it is; without a front, tell the state and to come again."""
        admission = _admission(request, request_uuid(request_id))
        state = admission.look()
        if state.status != "pending" and state.sequence == admission.known:
            # The one answer after which a browser does not connect again (HTML, 9.2.3).
            return HttpResponse(status=204)
        admitted: list[Admission] | None = request.META.get(ADMITTED)
        if admitted is None:
            told = f"retry: 5000\n{state.written()}".encode()
            return respond(Answer(200, told, content_type="text/event-stream"), request._request)
        admitted.append(admission)
        return HttpResponse(status=204)


def _admission(request: Request, subject: UUID) -> RequestAdmission:
    known = last_event_id(request.headers.get("Last-Event-ID"))
    caller = agent_of(request)
    if caller is not None:
        require_scope(caller, READ)
        own = caller

        def look() -> State:
            at = read.for_agent(caller=own, request_id=subject)
            return State(at.sequence, at.status, at.waiting_on, at.rendered)

        return RequestAdmission(subject, caller.key_id, None, look, known)
    who = signed(request, request.query_params.get("workspace"))
    session = request._request.session.session_key or ""
    look_again = _looking(who.reader, subject)
    return RequestAdmission(subject, None, (session, who.here.person_id), look_again, known)


def _looking(reader: Reader, subject: UUID) -> Callable[[], State]:
    def look() -> State:
        row = read.for_person(reader=reader, request_id=subject)
        return State(row.sequence, row.status, row.waiting_on, render(row, for_person=True))

    return look
