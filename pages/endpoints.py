"""Endpoints and deliveries as people read them: what each state means, and what the forms say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from approvals import words
from callbacks.lists import EndpointRow
from callbacks.models import Attempt, Callback
from callbacks.types import DISABLED, TYPES
from core import ids
from core.problems import not_found

#: What each type tells, in the order in which they are offered.
MEANINGS: Final[Mapping[str, str]] = {
    "request.approved": "a request was approved",
    "request.rejected": "it was rejected",
    "request.answered": "a question was answered",
    "request.expired": "nobody decided in time",
    "request.cancelled": "it was withdrawn or stopped",
    "request.returned": "a person gave it back",
    "request.revoked": "an approval was taken back",
    DISABLED: "another endpoint is called no more",
}
#: Why an endpoint is called no more.
REASONS: Final[Mapping[str, str]] = {
    "by_hand": "somebody switched it off",
    "gone": "its receiver answered 410 Gone",
    "failing": "it failed for five days without a success",
}
#: Why a try had no answer (`core.http.Kind`).
FAILURES: Final[Mapping[str, str]] = {
    "blocked": "not found, or may not be called",
    "connect": "no connection",
    "tls": "TLS failed",
    "timeout": "no answer in time",
    "protocol": "no answer in HTTP",
}
#: Which deliveries a list shows (`callbacks.lists.GROUPS`).
FILTERS: Final[Mapping[str, str]] = {
    "": "All",
    "waiting": "Waiting",
    "delivered": "Delivered",
    "failed": "Failed",
    "untried": "Not attempted",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint in a list or at the head of its page; `dot` repeats in colour what `state` says."""

    id: str
    agent: str
    agent_name: str
    host: str
    path: str
    url: str
    events: tuple[str, ...]
    active: bool
    dot: str
    state: str
    #: When the state began, and until when it is left alone, where that is known.
    since: datetime | None
    paused_until: datetime | None
    waiting: int
    delivered_at: datetime | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback, as lists show it."""

    id: str
    type: str
    request: str
    dot: str
    state: str
    attempts: int
    last: str
    created: datetime
    last_at: datetime | None
    next_at: datetime | None
    may_replay: bool


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: what the receiver answered, or why there was no answer."""

    number: int
    at: datetime
    took: str
    dot: str
    came: str
    detail: str
    response: str


def line(row: EndpointRow, now: datetime) -> Line:
    """An endpoint, with its state in words."""
    parts = urlsplit(row.url)
    dot, state, since = _state(row)
    paused = row.open_until if row.open_until is not None and row.open_until > now else None
    return Line(
        id=ids.encode("end", row.id),
        agent=ids.encode("agt", row.agent_id),
        agent_name=row.agent_name,
        host=parts.netloc,
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
        url=row.url,
        events=tuple(row.events),
        active=row.state == "active",
        dot=dot,
        state=state,
        since=since,
        paused_until=paused if row.state == "active" else None,
        waiting=row.waiting,
        delivered_at=row.last_success_at,
        failed_at=row.last_failure_at,
    )


def _state(row: EndpointRow) -> tuple[str, str, datetime | None]:
    if row.state == "disabled":
        return "nay", f"Disabled: {REASONS[row.reason or 'by_hand']}", None
    if row.failing_since is not None:
        return "back", "Failing", row.failing_since
    if row.failures:
        return "back", f"{words.plural(row.failures, 'failure')} in a row", None
    if row.last_success_at is None:
        return "", "Nothing was sent yet", None
    return "yes", "Healthy", None


def delivery(callback: Callback) -> Delivery:
    """A callback, with its state in words."""
    dot, state = _delivered(callback)
    return Delivery(
        id=ids.encode("cbk", callback.id),
        type=callback.type,
        request="" if callback.request_id is None else ids.encode("req", callback.request_id),
        dot=dot,
        state=state,
        attempts=callback.attempts,
        last=FAILURES.get(callback.last, callback.last),
        created=callback.created_at,
        last_at=callback.last_at,
        next_at=callback.next_at,
        may_replay=callback.state != Callback.State.PENDING,
    )


def _delivered(callback: Callback) -> tuple[str, str]:
    match Callback.State(callback.state):
        case Callback.State.PENDING:
            return ("back", "Waiting, tried before") if callback.tries else ("", "Waiting")
        case Callback.State.DELIVERED:
            return "yes", "Delivered"
        case Callback.State.EXHAUSTED:
            return "nay", "Failed: every try did"
        case Callback.State.STOPPED:
            return "nay", "Failed: the receiver wants no more tries"
        case Callback.State.HELD if callback.attempts:
            return "nay", "Failed: its endpoint was disabled"
        case Callback.State.HELD:
            return "void", "Not attempted: its endpoint was disabled"


def tried(attempt: Attempt) -> Try:
    """An attempt, with its outcome in words."""
    succeeded = attempt.status is not None and 200 <= attempt.status < 300
    return Try(
        number=attempt.number,
        at=attempt.at,
        took=f"{attempt.milliseconds / 1_000:.1f} s"
        if attempt.milliseconds >= 1_000
        else f"{attempt.milliseconds} ms",
        dot="yes" if succeeded else "nay",
        came=f"answered {attempt.status}"
        if attempt.status is not None
        else FAILURES.get(attempt.failure, attempt.failure),
        detail=attempt.detail,
        response=attempt.response,
    )


def offered(chosen: Sequence[str]) -> list[tuple[str, str, bool]]:
    """The types that an endpoint may choose from: (type, what it tells, whether it is chosen)."""
    return [(name, MEANINGS[name], name in chosen) for name in TYPES]


def decoded(prefix: str, text: str) -> UUID:
    """The id behind a text of an address or form; Problem 404 where it is none."""
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        raise not_found() from None
