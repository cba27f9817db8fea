"""The doors that Slack calls: ``/slack/interactions``, ``/slack/events``, ``/slack/commands``.

They are verified by Slack's signature over the raw body and carry no session, so there is no CSRF token
to check.  Slack waits three seconds: what is decided is one transaction, what is said in Slack about
it comes afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from api.slack import dispatch, reading
from api.slack.dispatch import Forged
from api.slack.reading import MOST_BYTES, Received, Unreadable
from notifications.slack import signature
from notifications.slack.signature import NotConfigured, NotSlack

logger = logging.getLogger(__name__)


def _door(read: Callable[[bytes], Received]) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @require_POST
    def view(request: HttpRequest) -> HttpResponse:
        try:
            body = request.read(MOST_BYTES + 1)
        except UnreadablePostError:
            return _refused(HTTPStatus.BAD_REQUEST, "The body did not come whole.")
        if len(body) > MOST_BYTES:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
        try:
            received = read(body)
        except Unreadable:
            return _refused(HTTPStatus.BAD_REQUEST, "The body is not what Slack sends here.")
        try:
            installed = signature.verified(
                origin=received.origin,
                body=body,
                timestamp=request.headers.get("X-Slack-Request-Timestamp"),
                signature=request.headers.get("X-Slack-Signature"),
            )
        except NotConfigured:
            return _refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "No Slack app is connected here, so nothing can be verified.",
            )
        except NotSlack:
            return _refused(
                HTTPStatus.UNAUTHORIZED, "This is not signed by a Slack app known here."
            )
        try:
            said = dispatch.answer(received, installed)
        except Forged:
            return _refused(HTTPStatus.FORBIDDEN, "Nothing was decided.")
        return HttpResponse(status=200) if said is None else JsonResponse(said)

    return view


interactions = _door(reading.interaction)
events = _door(reading.event)
commands = _door(reading.command)


def _refused(status: HTTPStatus, detail: str) -> HttpResponse:
    return JsonResponse({"error": detail}, status=status)
