"""Permits over HTTP: picked up by agents, used by tools, taken back by people."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api import hot
from api.answers import Answer, Call
from api.doors import OpenDoor, PeopleDoor, answer, body_of, call_of, signed
from api.errors import respond
from api.messages import RevokeBody
from approvals import results, undo
from approvals.submission import ResultTold
from signing.keys import PERMIT, key_set


class AboutOne(OpenDoor):
    """A hot call about one thing; its function authenticates."""

    #: Wrapped, since a function of a class would become its method.
    function: ClassVar[staticmethod[[Call], Answer]]

    def post(self, request: Request, subject: str) -> HttpResponse:
        """Run the function."""
        return respond(type(self).function(call_of(request, subject)), request._request)


class Permit(AboutOne):
    """``/requests/{id}/permit``"""

    function = staticmethod(hot.permit)


class Consume(AboutOne):
    """``/permits/{id}/consume``"""

    function = staticmethod(hot.consume)


class PermitResult(OpenDoor):
    """``/permits/{id}/result``"""

    def post(self, request: Request, subject: str) -> HttpResponse:
        """The tool tells what came of the action it ran."""
        told = body_of(request, ResultTold)
        done = results.report_by_tool(
            authorization=request.headers.get("Authorization"),
            permit_id=hot.permit_uuid(subject),
            told=told,
        )
        return answer(request, done)


class Revoke(PeopleDoor):
    """``/requests/{id}/revoke``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """Take an approval back."""
        who, subject = signed(request), hot.request_uuid(request_id)
        body = body_of(request, RevokeBody)
        done = undo.revoke(
            actor=who.actor, reader=who.reader, request_id=subject, reason=body.reason
        )
        return answer(request, done)


class KeySet(OpenDoor):
    """``/.well-known/jwks.json``"""

    def get(self, request: Request) -> HttpResponse:
        """The public keys that permits are checked with; cached for some minutes by whoever asks."""
        found = answer(request, key_set(PERMIT))
        found.headers["Cache-Control"] = "public, max-age=300"
        found.headers["Content-Type"] = "application/jwk-set+json"
        return found
