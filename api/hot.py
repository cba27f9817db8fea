"""The calls that agents make all day, as plain functions: headers, query and body in, an answer out.

The raw front runs them in its threads; the Django views of the same paths (`api.views.agent`) call
the same functions, so that tests and plain WSGI deployments share them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final
from uuid import UUID

from django.conf import settings
from msgspec import Meta, Struct

from agents import limits
from agents.alive import alive_keys
from agents.authentication import READ, SUBMIT, KeyContext, authenticate, require_scope
from api.answers import Answer, Call, Hot, Park
from api.prefer import (
    ID_PATTERN,
    MAX_WAIT_S,
    idempotency_key,
    preferred_wait,
    query_wait,
    require_json,
)
from approvals import consuming, permits, read
from approvals import preview as previewing
from approvals import submit as submitting
from approvals.submission import convert
from core import ids, strict_json
from core.canonical import parse_digest
from core.db import pool
from core.problems import FieldError, Problem, invalid, not_found, unauthorized

#: How often a waiting call looks again where it has a thread of its own (plain WSGI).
LOOK_EVERY_S: Final = 0.25
NO_HEADERS: Final[Mapping[str, str]] = {}


RequestId = Annotated[str, Meta(pattern=ID_PATTERN)]


class WaitFor(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/wait``."""

    ids: Annotated[list[RequestId], Meta(min_length=1, max_length=100)]
    timeout: Annotated[int, Meta(ge=0, le=MAX_WAIT_S, description="Seconds")] = MAX_WAIT_S


class Nothing(Struct, forbid_unknown_fields=True, frozen=True):
    """A body without members."""


class ConsumeBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /permits/{id}/consume``."""

    payload_digest: Annotated[
        str, Meta(description="`sha256:` and the digest of the canonical payload that shall run")
    ]


def about_one(method: str, path: str) -> tuple[Hot, str] | None:
    """The hot call of a path about one thing, and the thing's id as it is written; or None."""
    if method == "POST":
        for before, after, function in ABOUT:
            subject = path[len(before) : -len(after)]
            if path.startswith(before) and path.endswith(after) and "/" not in subject:
                return function, subject
    return None


def submit(call: Call) -> Answer:
    """``POST /requests``: 201 with the request; with ``Prefer: wait=N`` as soon as it ended."""
    return _asked(call, submitting.submit)


def _asked(call: Call, service: Callable[..., submitting.Submitted]) -> Answer:
    require_json(call.headers.get("content-type"), call.headers.get("content-encoding"))
    done = service(
        authorization=call.headers.get("authorization"),
        body=call.body,
        idempotency_key=idempotency_key(call.headers.get("idempotency-key")),
    )
    request_id, seconds = done.request_id, preferred_wait(call.headers.get("prefer"))
    headers = {"Location": f"{settings.BASE_URL}/api/v1/requests/{ids.encode('req', request_id)}"}
    if done.spent is not None:
        headers |= done.spent.headers()
    if done.replayed:
        headers["Idempotent-Replayed"] = "true"
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
    answer = Answer(201, done.rendered, headers)
    if seconds and done.pending:
        answer.park = Park(
            (request_id,),
            {request_id: done.sequence},
            done.key_id,
            seconds,
            finish=lambda rendered: Answer(201, rendered[request_id], headers),
            until_end=True,
        )
    return answer


def ask(call: Call) -> Answer:
    """``POST /questions``: as `submit`, for something asked of people."""
    return _asked(call, submitting.ask)


def preview(call: Call) -> Answer:
    """``POST /requests/preview``: what policy would say; nothing is stored."""
    require_json(call.headers.get("content-type"), call.headers.get("content-encoding"))
    found = previewing.preview(authorization=call.headers.get("authorization"), body=call.body)
    return Answer(200, found)


def read_one(call: Call) -> Answer:
    """``GET /requests/{id}``: one of the agent's own; with ``?wait=N`` as soon as there is news."""
    caller, headers = caller_of(call)
    request_id, seconds = request_uuid(call.subject), query_wait(call.query)
    found = read.for_agent(caller=caller, request_id=request_id)
    answer = Answer(200, found.rendered, headers)
    if seconds and _others_turn(found):
        answer.park = Park(
            (request_id,),
            {request_id: found.sequence},
            caller.key_id,
            seconds,
            finish=lambda rendered: Answer(200, rendered[request_id], headers),
            read_again=False,
        )
    return answer


def wait_any(call: Call) -> Answer:
    """``POST /requests/wait``: all of them, as soon as there is news of one."""
    caller, headers = caller_of(call)
    require_json(call.headers.get("content-type"), call.headers.get("content-encoding"))
    asked = convert(strict_json.loads(call.body), WaitFor)
    wanted = tuple(dict.fromkeys(request_uuid(text) for text in asked.ids))
    found = read.many_for_agent(caller=caller, request_ids=wanted)

    def finish(rendered: Mapping[UUID, bytes]) -> Answer:
        body = b",".join([rendered[request_id] for request_id in wanted])
        return Answer(200, b'{"results":[%b]}' % body, headers)

    answer = finish({one.id: one.rendered for one in found})
    if asked.timeout and all(map(_others_turn, found)):
        seen = {one.id: one.sequence for one in found}
        answer.park = Park(wanted, seen, caller.key_id, asked.timeout, finish)
    return answer


def permit(call: Call) -> Answer:
    """``POST /requests/{id}/permit``: leave to run an approved action, once."""
    caller, headers = caller_of(call, SUBMIT)
    if call.body.strip():
        require_json(call.headers.get("content-type"), call.headers.get("content-encoding"))
        convert(strict_json.loads(call.body), Nothing)
    found = permits.issue(caller=caller, request_id=request_uuid(call.subject))
    return Answer(200, found, headers)


def consume(call: Call) -> Answer:
    """``POST /permits/{id}/consume``: a tool uses a permit; it authenticates by a tool's key."""
    require_json(call.headers.get("content-type"), call.headers.get("content-encoding"))
    asked = convert(strict_json.loads(call.body), ConsumeBody)
    try:
        digest = parse_digest(asked.payload_digest)
    except ValueError as error:
        fault = FieldError("/payload_digest", "invalid_digest", str(error))
        raise invalid([fault]) from error
    done = consuming.consume(
        authorization=call.headers.get("authorization"),
        permit_id=permit_uuid(call.subject),
        digest=digest,
        idempotency_key=idempotency_key(call.headers.get("idempotency-key")),
    )
    return Answer(200, done)


def caller_of(call: Call, scope: str = READ) -> tuple[KeyContext, Mapping[str, str]]:
    """The caller behind a call's key, counted against its limit, and the headers that say so.

    Raises:
        Problem: 401, 403 without the scope, 429.
    """
    with pool().connection() as conn:
        caller = authenticate(conn, call.headers.get("authorization"))
        spent = limits.spend(conn, caller)
    require_scope(caller, scope)
    return caller, NO_HEADERS if spent is None else spent.headers()


def request_uuid(text: str) -> UUID:
    """The id of a request; Problem 404 for what is none."""
    try:
        return ids.decode("req", text)
    except ids.BadId as error:
        raise not_found() from error


def permit_uuid(text: str) -> UUID:
    """The id of a permit; Problem 404 for what is none."""
    try:
        return ids.decode("pmt", text)
    except ids.BadId as error:
        raise not_found() from error


def settled(answer: Answer) -> Answer:
    """The answer of a call that may wait, waiting in this thread (plain WSGI has no other way).

    Raises:
        Problem: 401 when the key died meanwhile.
    """
    park = answer.park
    if park is None:
        return answer
    until = time.monotonic() + park.seconds
    while True:
        found = read.snapshots(park.ids)
        if any(_is_news(park, at) for at in found.values()) or time.monotonic() >= until:
            return park.finish({request_id: at.rendered for request_id, at in found.items()})
        time.sleep(max(0.0, min(LOOK_EVERY_S, until - time.monotonic())))
        if not alive_keys([park.key_id]):
            raise key_died()


def key_died() -> Problem:
    """401 for a call whose key ended while it waited."""
    return unauthorized(
        "The key was revoked or has expired while this call waited.", code="key_ended"
    )


def _others_turn(found: read.Snapshot) -> bool:
    """Whether there is something to wait for: not an end, and not the agent's own answer."""
    return found.status == "pending" and found.waiting_on != "agent"


def _is_news(park: Park, at: read.Snapshot) -> bool:
    return at.status != "pending" or (not park.until_end and at.sequence > park.seen[at.id])


#: Hot calls by method and path; `read_one` is found by its prefix.
CALLS: Final[Mapping[tuple[str, str], Hot]] = {
    ("POST", "/api/v1/requests"): submit,
    ("POST", "/api/v1/requests/wait"): wait_any,
    ("POST", "/api/v1/requests/preview"): preview,
    ("POST", "/api/v1/questions"): ask,
}
#: Hot calls about one thing, by what stands before and after its id.
ABOUT: Final[tuple[tuple[str, str, Hot], ...]] = (
    ("/api/v1/requests/", "/permit", permit),
    ("/api/v1/permits/", "/consume", consume),
)
#: What looks like the id of a request in a path and is none.
NOT_IDS: Final = frozenset({"wait", "preview"})
