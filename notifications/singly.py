"""Sending notifications one by one, by a channel that takes them as they come (mail, push, others).

The channel only carries; holding, trying again and giving up are the same for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

from psycopg import Connection

from core import failpoints
from core.db import pool
from core.due import SETTLE_DUE, Claimed
from notifications import sending
from notifications.card import Card
from notifications.sending import HELD, Compose, Shown

#: Kinds that are about no request.
ABOUT_NOTHING: Final = frozenset({"test", "alarm", "drill"})
#: Kinds that nobody needs to hear of once the request has ended.
WHILE_PENDING: Final = frozenset({"asked", "reminder", "notice", "page"})

_SETTLE: Final = f"WITH {SETTLE_DUE} SELECT count(*) FROM kept"
_HOLD: Final = """
UPDATE notifications_notification n
   SET held_until = clock_timestamp() + %(held)s, tries = n.tries + 1
 WHERE n.id = ANY(%(ids)s) AND n.state = 'pending' AND n.due_at <= clock_timestamp()
   AND (n.held_until IS NULL OR n.held_until <= clock_timestamp())
RETURNING n.id, n.workspace_id, n.request_id, n.kind, n.person_id, n.role, n.other_id, n.tries, n.text,
          clock_timestamp(), n.pager_id
"""
#: What somebody else holds, or is not to be sent yet.
_WAITS: Final = """
SELECT id, greatest(due_at, held_until) FROM notifications_notification
 WHERE id = ANY(%(ids)s) AND state = 'pending'
"""
_WITHDRAW: Final = """
UPDATE notifications_notification SET state = 'withdrawn', held_until = NULL
 WHERE id = %(id)s AND state = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A notification that is ours to send."""

    id: UUID
    workspace: UUID
    request: UUID | None
    kind: str
    person: UUID | None
    role: str
    other: UUID | None
    tries: int
    text: str
    now: datetime
    pager: UUID | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel has it; ``reference`` is what it calls it."""

    reference: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now, and why."""

    reason: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It cannot be delivered by this channel, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Needless:
    """There is nothing to tell any more."""


Came: TypeAlias = Delivered | Retry | GivenUp | Needless


class Carrier(Protocol):
    """One channel."""

    name: str

    def carry(self, held: Held, card: Card | None) -> Came:
        """Send it; no connection of the database is held meanwhile.  ``card`` is None for `ABOUT_NOTHING`."""


class Singly:
    """What sends the messages of one channel, for one process."""

    def __init__(self, compose: Compose, carrier: Carrier) -> None:
        """`compose` makes the cards of requests."""
        self._compose = compose
        self._carrier = carrier

    def take(self, claimed: Sequence[Claimed]) -> None:
        """Send what the claimed rows are about, one after the other, and settle each."""
        ids = [row.subject for row in claimed]
        with pool().connection() as conn:
            held = [Held(*row) for row in conn.execute(_HOLD, {"ids": ids, "held": HELD})]
            rest = list(set(ids) - {one.id for one in held})
            again = {row[0]: row[1] for row in conn.execute(_WAITS, {"ids": rest})}
            cards = self._compose(conn, list({one.request for one in held if one.request}))
        for one in held:
            card = cards.get(one.request) if one.request else None
            at = self._send(one, card)
            if at is not None:
                again[one.id] = at
        values = {
            "due_id": [row.id for row in claimed],
            "due_fence": [row.fence for row in claimed],
            "due_again": [again.get(row.subject) for row in claimed],
        }
        with pool().connection() as conn:
            conn.execute(_SETTLE, values)

    def _send(self, held: Held, card: Card | None) -> datetime | None:
        """Send one; when to try again, where that is to be done."""
        over = card is not None and held.kind in WHILE_PENDING and not card.pending
        if over or (card is None and held.kind not in ABOUT_NOTHING):
            with pool().connection() as conn:
                conn.execute(_WITHDRAW, {"id": held.id})
            return None
        came = self._carrier.carry(held, card)
        failpoints.hit("message_after_send_before_record")
        with pool().connection() as conn, conn.transaction():
            digest = card.digest(self._carrier.name) if card is not None else None
            sequence = card.sequence if card is not None else 0
            return record(conn, held, came, sequence=sequence, digest=digest)


def record(
    conn: Connection[Any], held: Held, came: Came, *, sequence: int, digest: bytes | None
) -> datetime | None:
    """Write what came of it; when to try again, where that is to be done.

    Args:
        sequence, digest: of what was shown.
    """
    match came:
        case Delivered(reference):
            sending.sent(conn, [Shown(held.id, reference[:200], sequence, digest)])
            return None
        case Retry(reason, after):
            return sending.later(
                conn,
                held.id,
                workspace=held.workspace,
                request=held.request,
                kind=held.kind,
                tries=held.tries,
                now=held.now,
                reason=reason,
                after=after,
            )
        case GivenUp(reason):
            pair = [(held.id, held.request)]
            sending.failed(conn, pair, workspace=held.workspace, now=held.now, reason=reason)
            return None
        case Needless():
            conn.execute(_WITHDRAW, {"id": held.id})
            return None
