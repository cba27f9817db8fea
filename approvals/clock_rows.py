"""Pending requests that the clock would forget: none should be without a promise of its deadline.

Every statement that makes a request wait writes the promise with it. Where one is missing all the same
(somebody deleted rows, or a fault of ours), the request would wait for ever: it is written anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.deadline import LOCK
from approvals.ends import EXPIRE
from audit.actor import Actor
from audit.kinds import ClockRepaired
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core.due import INSERT_DUE, Promise, due_rows

# Written out, so that the index of what is pending is known to be enough.  OFFSET keeps the look for a
# promise one of its own for each that waits: joined, all promises there are may be read for it.
_FORGOTTEN: Final = f"""
r.status = 'pending'
AND NOT EXISTS (SELECT 1 FROM core_due AS d WHERE d.subject = r.id AND d.kind = '{EXPIRE}' OFFSET 0)
"""
WITHOUT: Final = f"SELECT r.id FROM approvals_request AS r WHERE {_FORGOTTEN} LIMIT %(limit)s"
_AGAIN: Final = f"""
SELECT r.id, r.workspace_id, r.expires_at, clock_timestamp() FROM approvals_request AS r
 WHERE r.id = ANY(%(ids)s) AND {_FORGOTTEN} ORDER BY r.id
"""
_WRITE: Final = f"WITH {INSERT_DUE}, {INSERT_EVENTS} SELECT 1"


def without_clock(conn: Connection[Any], limit: int) -> list[UUID]:
    """Pending requests, as they are committed, that no promise of a deadline is about."""
    return [row[0] for row in conn.execute(WITHOUT, {"limit": limit}).fetchall()]


def wind_up(conn: Connection[Any], request_ids: Sequence[UUID], *, actor: Actor) -> list[UUID]:
    """Promise the deadlines of those that still lack it, each with its event, in the caller's transaction.

    The rows are locked first and looked at again: whoever ends a request, or moves its deadline, holds
    the same lock, so that what is being expired, decided or repaired meanwhile gets no second promise.

    Returns:
        those that were repaired.
    """
    conn.execute(LOCK, {"ids": list(request_ids)})
    rows = conn.execute(_AGAIN, {"ids": list(request_ids)}).fetchall()
    if not rows:
        return []
    promises = [Promise(EXPIRE, workspace, id, at) for id, workspace, at, _ in rows]
    facts = [
        Fact(
            workspace,
            actor,
            ("req", id),
            ClockRepaired(what=EXPIRE, due_at=rfc3339(at)),
        )
        for id, workspace, at, _ in rows
    ]
    conn.execute(_WRITE, {**due_rows(promises), **event_rows(facts, rows[-1][3])})
    return [row[0] for row in rows]
