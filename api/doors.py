"""What the Django views of the API share: reading the call, knowing the caller, writing the answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from agents.auditors import AuditorContext
from agents.authentication import KeyContext
from agents.stored_answers import Idempotency, Reply
from api.answers import Answer, Call
from api.authentication import (
    AuditorKeyAuthentication,
    KeyAuthentication,
    SessionAuthentication,
)
from api.errors import id_of, respond
from api.prefer import idempotency_key
from approvals.access import Reader
from approvals.submission import convert
from audit.actor import Actor
from core import problems
from core.canonical import canonical
from core.paging import DEFAULT_LIMIT, MAX_LIMIT
from core.problems import bad_query, bad_request, forbidden
from oversight.access import may_audit
from people.here import Here, here
from people.models import User

Shape = TypeVar("Shape")
WORKSPACE_HEADER = "Assentry-Workspace"
#: A person's session here is the channel of the pages, and proves as much.
CHANNEL = "web"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed-in person in one workspace, and how they act."""

    user: User
    here: Here
    reader: Reader
    actor: Actor


class OnlyJson(BaseContentNegotiation):
    """There is one representation, whatever the caller would like better."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The strict parser."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """The JSON renderer."""
        return renderers[0], renderers[0].media_type


class Door(APIView):
    """A view of the API: problem details for every error, 405 with Allow, no browsable pages."""

    content_negotiation_class = OnlyJson
    metadata_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the body before Django's CSRF check looks for a form in it."""
        _ = request._request.body
        super().initial(request, *args, **kwargs)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """405, with the methods there are."""
        raise problems.method_not_allowed(self.allowed_methods)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """204 with Allow; there is no CORS."""
        return respond(Answer(204, b"", {"Allow": ", ".join(self.allowed_methods)}))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Every answer carries the call's id, and nothing but pages may be stored or framed."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["X-Request-Id"] = id_of(request)
        return response


class PeopleDoor(Door):
    """For people only: session and CSRF token."""

    authentication_classes = [SessionAuthentication]


class AnyDoor(Door):
    """For an agent's key or a person's session; a key wins over a cookie."""

    authentication_classes = [KeyAuthentication, SessionAuthentication]


class AuditDoor(Door):
    """For an auditor's key, or the session of a person who may read the log."""

    authentication_classes = [AuditorKeyAuthentication, SessionAuthentication]


class OpenDoor(Door):
    """For everybody; the view itself looks at who calls, where that matters."""

    authentication_classes = []
    permission_classes = [AllowAny]


def answer(
    request: Request, body: bytes | object, status: int = 200, **headers: str
) -> HttpResponse:
    """An answer of ready JSON bytes, or of a struct."""
    written = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return respond(Answer(status, written, headers), request._request)


def call_of(request: Request, subject: str = "") -> Call:
    """The call as the hot functions want it."""
    raw = request._request
    headers = {name.lower(): value for name, value in raw.headers.items()}
    headers["content-type"] = raw.META.get("CONTENT_TYPE", "")
    return Call(headers, raw.META.get("QUERY_STRING", ""), raw.body, subject)


def body_of(request: Request, shape: type[Shape]) -> Shape:
    """The body as a struct; no body at all stands for an empty object.

    Raises:
        Problem: 400, 413, 415, 422 with pointers.
    """
    data = request.data
    return convert({} if isinstance(data, dict) and not data else data, shape)


def signed(request: Request, slug: str | None = None) -> Signed:
    """The person who calls, in the workspace that the call is about (`slug`, else the header's).

    Raises:
        Problem: 400 when they are in several and name none, 403 when in none, 404 when the named
            one is unknown or not theirs.
    """
    user = request.user
    assert isinstance(user, User)  # noqa: S101  # the door's permission saw to it
    slug = slug or request.headers.get(WORKSPACE_HEADER)
    found = here(user.id, slug)
    if not found:
        if slug:
            raise problems.not_found()
        raise forbidden("You are in no workspace any more.", code="no_workspace")
    if len(found) > 1:
        slugs = ", ".join(one.slug for one in found)
        raise bad_request(
            "workspace_required",
            f"You are in several workspaces: send {WORKSPACE_HEADER} with one of {slugs}.",
        )
    (one,) = found
    reader = Reader(one.workspace_id, one.person_id, user.id, str(user), one.permissions)
    return Signed(user, one, reader, Actor.person(one.person_id, channel=CHANNEL))


@dataclass(frozen=True, slots=True)
class Auditing:
    """Somebody who may read the log of one workspace, and how they act."""

    workspace: UUID
    actor: Actor


def auditing(request: Request) -> Auditing:
    """Who reads the log: an auditor by their key, else a person who may.

    Raises:
        Problem: as `signed`, and 403 for a person who may not.
    """
    if isinstance(request.auth, AuditorContext):
        return Auditing(request.auth.workspace_id, Actor.auditor(request.auth.key_id))
    who = signed(request)
    if not may_audit(who.reader):
        raise forbidden("The log is for auditors and administrators.", code="not_auditor")
    return Auditing(who.reader.workspace_id, who.actor)


def limit_of(request: Request) -> int:
    """The page size of ``?limit=``.

    Raises:
        Problem: 422 for anything but a whole number from 1 to 200.
    """
    text = request.query_params.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MAX_LIMIT):
        raise bad_query("limit", f"A whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def listing(
    request: Request, items: list[bytes], following: str | None, before: str | None
) -> HttpResponse:
    """One page of a list, with the absolute addresses of its neighbours."""
    body = b'{"results":[%b],"next":%b,"previous":%b}' % (
        b",".join(items),
        msgspec.json.encode(_address(request, following)),
        msgspec.json.encode(_address(request, before)),
    )
    return answer(request, body)


def _address(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    kept = [(name, value) for name, value in request.query_params.items() if name != "cursor"]
    return f"{settings.BASE_URL}{request.path_info}?{urlencode([*kept, ('cursor', cursor)])}"


def agent_of(request: Request) -> KeyContext | None:
    """The agent whose key made this call; None where a session did."""
    return request.auth if isinstance(request.auth, KeyContext) else None


def own_agent(request: Request) -> KeyContext:
    """The agent whose key made this call, for what only an agent does.

    Raises:
        Problem: 403 for a person.
    """
    caller = agent_of(request)
    if caller is None:
        raise forbidden("This endpoint is for agents: send a key.", code="agents_only")
    return caller


def idempotency_of(request: Request) -> Idempotency | None:
    """The idempotency key of a call, with the digest of what it asks."""
    key = idempotency_key(request.headers.get("Idempotency-Key"))
    if key is None:
        return None
    told = f"{request.method} {request.path_info}\n".encode() + canonical(request.data)
    return Idempotency(key, hashlib.sha256(told).digest())


def replied(request: Request, reply: Reply) -> HttpResponse:
    """The answer of a call that an idempotency key may have repeated."""
    headers = {"Idempotent-Replayed": "true"} if reply.replayed else {}
    return respond(Answer(reply.status, reply.body, headers), request._request)
