"""What a hot call is given, and what it answers; shared by the raw front and the Django views."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
from django.conf import settings

from core.ids import uuid7
from core.problems import CONTENT_TYPE, Problem

logger = logging.getLogger(__name__)

JSON_TYPE: Final = "application/json"
_OWN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
INTERNAL: Final = Problem(
    500,
    "internal",
    "Internal Server Error",
    "The server failed at this call. Its log names the cause under this `instance`.",
)


@dataclass(slots=True)
class Call:
    """One call on a hot path: header names in lower case, the query as it came, the whole body."""

    headers: Mapping[str, str]
    query: str
    body: bytes
    #: What the path names, where it names something.
    subject: str = ""


@dataclass(slots=True)
class Park:
    """The answer may wait: for which requests, on whose behalf, how long, and how it is written then."""

    ids: tuple[UUID, ...]
    #: The sequence at which each was read; a higher one means that the agent should hear of it.
    seen: Mapping[UUID, int]
    key_id: UUID
    seconds: float
    finish: Callable[[Mapping[UUID, bytes]], Answer]
    #: Only an end answers, not a change of hands.
    until_end: bool = False
    #: The requests were read before anybody listened for them: they are read once more.
    read_again: bool = True


@dataclass(slots=True)
class Answer:
    """A whole answer.  With `park` it is what would be said now, and a later one may replace it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    park: Park | None = None


def told(look: Callable[[], tuple[int, dict[str, object]]]) -> Callable[[], Answer]:
    """A health function (status and members of the body) as one that answers."""

    def ask() -> Answer:
        status, members = look()
        kind = CONTENT_TYPE if status >= 400 else JSON_TYPE
        return Answer(status, msgspec.json.encode(members), content_type=kind)

    return ask


#: A hot call: everything in, everything out, no framework.
Hot: TypeAlias = Callable[[Call], Answer]


def problem_answer(problem: Problem, request_id: str) -> Answer:
    """A problem as an answer; `instance` names this one occurrence."""
    return Answer(
        problem.status,
        problem.body(instance(request_id)),
        problem.headers,
        content_type=CONTENT_TYPE,
    )


def failure(request_id: str) -> Answer:
    """500 without a word about the cause, which is logged under the same id (call in an except block)."""
    logger.exception("call %s failed", request_id)  # noqa: LOG004 - the callers are except blocks
    return problem_answer(INTERNAL, request_id)


def instance(request_id: str) -> str:
    """The URI of one call, as it stands in a problem and, as X-Request-Id, in the answer's headers."""
    return f"urn:assentry:call:{request_id}"


def request_id(sent: str | None) -> str:
    """The caller's own X-Request-Id where it is harmless, else a new one."""
    if sent and _OWN_ID.fullmatch(sent):
        return sent
    return uuid7().hex


def security_headers() -> list[tuple[str, str]]:
    """Headers of every answer that is not a page: nothing in it is to be run, framed or stored."""
    headers = [
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ]
    if settings.SECURE_HSTS_SECONDS:
        value = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"
        headers.append(("strict-transport-security", value))
    return headers
