"""What came of sending, written: the notification's row, and what follows from it.

Every channel's sender reports here, so that a message's story reads the same whatever carried it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from psycopg import Connection

from core import durations
from core.due import INSERT_DUE, Promise, due_rows
from notifications.card import Card
from notifications.routes import TAKEN_OVER_AFTER
from notifications.sql import TELL

#: From requests to their cards, those that are gone left out.
Compose: TypeAlias = Callable[[Connection[Any], Sequence[UUID]], Mapping[UUID, Card]]

#: Whoever sends a message holds it so long: more than any call takes.
HELD: Final = timedelta(seconds=60)
#: Pauses between tries; the last one is kept until the request ends.
PAUSES: Final = tuple(timedelta(seconds=s) for s in (2, 5, 10, 20, 30, 60, 120, 300))
#: A day of tries, by kind.
MOST_TRIES: Final = {"alarm": len(PAUSES) + timedelta(days=1) // PAUSES[-1]}

_SENT: Final = """
UPDATE notifications_notification n
   SET state = 'sent', reference = s.reference, shown = s.shown, shown_digest = coalesce(s.digest, n.shown_digest),
       sent_at = coalesce(n.sent_at, clock_timestamp()), held_until = NULL, failing_since = NULL, reason = ''
  FROM unnest(%(ids)s::uuid[], %(references)s::text[], %(shown)s::int[], %(digests)s::bytea[])
    AS s (id, reference, shown, digest)
 WHERE n.id = s.id
RETURNING n.id, n.wanted > n.shown
"""
_LATER: Final = f"""
WITH later AS (
    UPDATE notifications_notification
       SET failing_since = coalesce(failing_since, clock_timestamp()), held_until = NULL,
           due_at = clock_timestamp() + %(pause)s, reason = %(reason)s
     WHERE id = %(id)s
    RETURNING due_at
),
{INSERT_DUE}
SELECT due_at FROM later
"""
_FAILED: Final = f"""
WITH failed AS (
    UPDATE notifications_notification
       SET state = 'failed', held_until = NULL, reason = %(reason)s
     WHERE id = ANY(%(ids)s) AND state = 'pending'
),
{INSERT_DUE}
SELECT 1
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that stands somewhere now."""

    notification: UUID
    reference: str
    sequence: int
    digest: bytes | None


def sent(conn: Connection[Any], shown: Sequence[Shown]) -> list[UUID]:
    """Note that these stand where they were sent; those that have to be rewritten already are returned."""
    values = {
        "ids": [one.notification for one in shown],
        "references": [one.reference for one in shown],
        "shown": [one.sequence for one in shown],
        "digests": [one.digest for one in shown],
    }
    return [row[0] for row in conn.execute(_SENT, values).fetchall() if row[1]]


def later(
    conn: Connection[Any],
    notification: UUID,
    *,
    workspace: UUID,
    request: UUID | None,
    kind: str,
    tries: int,
    now: datetime,
    reason: str,
    after: timedelta | None = None,
) -> datetime | None:
    """Note that it is to be tried again, and when; meanwhile the next channel is looked for.

    What is about no request is given up: a test after the last pause, since nobody waits for it any
    more; an alarm after a day, since it says that something was wrong then.

    Args:
        tries: how often it was tried, this one included.
        after: how long the provider asks to be left alone, where it does.
    """
    if request is None and tries > MOST_TRIES.get(kind, len(PAUSES)):
        failed(conn, [(notification, None)], workspace=workspace, now=now, reason=reason)
        return None
    pause = durations.scaled(PAUSES[min(tries, len(PAUSES)) - 1])
    if after is not None:
        pause = max(pause, after)
    again = [] if request is None else [Promise(TELL, workspace, request, now + TAKEN_OVER_AFTER)]
    values = {"id": notification, "pause": pause, "reason": reason[:200], **due_rows(again)}
    row = conn.execute(_LATER, values).fetchone()
    return now + pause if row is None else row[0]


def failed(
    conn: Connection[Any],
    notifications: Sequence[tuple[UUID, UUID | None]],
    *,
    workspace: UUID,
    now: datetime,
    reason: str,
) -> None:
    """Note that these cannot be sent at all; whoever was to be told of their requests is told otherwise.

    Args:
        notifications: pairs of notification and request.
    """
    requests = {request for _, request in notifications if request is not None}
    again = [Promise(TELL, workspace, request, now) for request in sorted(requests)]
    values = {
        "ids": [one for one, _ in notifications],
        "reason": reason[:200],
        **due_rows(again),
    }
    conn.execute(_FAILED, values)
