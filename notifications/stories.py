"""What people were told of one request: by which channel, and what came of each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core.db import pool
from people.sql import NAME_OF

_STORY: Final = f"""
SELECT n.id, n.request_id, n.kind, n.channel, n.person_id, coalesce({NAME_OF.format(person="n.person_id")}, ''),
       n.role, coalesce(o.name, ''), n.state, n.reason, n.tries, n.digest, n.created_at, n.due_at, n.sent_at,
       n.viewed_at, n.failing_since IS NOT NULL
  FROM notifications_notification n
  LEFT JOIN notifications_otherchannel o ON o.id = n.other_id
 WHERE n.request_id = ANY(%(requests)s)
 ORDER BY n.id
"""
_UNREACHED: Final = """
SELECT at FROM notifications_unreached WHERE request_id = %(request)s AND over_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as it stands; ``reason`` is the channel's own word for why it failed or is late.

    ``person`` is None where a role's channel is told: ``service`` names it where it is not Slack's.
    """

    id: UUID
    request: UUID
    kind: str
    channel: str
    person: UUID | None
    name: str
    role: str
    service: str
    state: str
    reason: str
    tries: int
    gathered: bool
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    viewed_at: datetime | None
    failing: bool

    @property
    def to_send_ms(self) -> int | None:
        """From when it was to be told until the channel had it."""
        return _ms(self.created_at, self.sent_at)

    @property
    def to_view_ms(self) -> int | None:
        """From there until somebody first looked; 0 where they looked elsewhere before."""
        return None if self.sent_at is None else _ms(self.sent_at, self.viewed_at)


@dataclass(frozen=True, slots=True)
class Story:
    """All of it; ``unreached_at``: since when nobody could be told although it waits."""

    messages: tuple[Message, ...]
    unreached_at: datetime | None


def of_request(request: UUID) -> Story:
    """What people were told of a request, the oldest first.  Who may know is the caller's to ask."""
    with pool().connection() as conn:
        messages = read(conn, [request])
        found = conn.execute(_UNREACHED, {"request": request}).fetchone()
    return Story(tuple(messages), None if found is None else found[0])


def read(conn: Connection[Any], requests: Sequence[UUID]) -> list[Message]:
    """The messages about these requests, the oldest first."""
    return [Message(*row) for row in conn.execute(_STORY, {"requests": list(requests)}).fetchall()]


def _ms(begin: datetime, end: datetime | None) -> int | None:
    return None if end is None else max(0, (end - begin) // timedelta(milliseconds=1))
