"""What time does to approvals: one that nobody used lapses, a used one whose result is missing is told.

Nothing is guessed: a lapsed approval ran nothing that we know of, and a missing result is neither a
success nor a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.deadline import LOCK
from approvals.sql import LAPSE
from audit.actor import Actor
from audit.kinds import PermitLapsed, ResultMissing
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import ids
from core.due import INSERT_DUE, Promise, due_rows

_CLOCK: Final = Actor.system("clock")

#: An approval with a result is none that nobody used: its agent works without permits.
_UNUSED: Final = """
SELECT r.id, r.workspace_id, r.revision, greatest(r.use_by, live.expires_at), clock_timestamp()
  FROM approvals_request r
  LEFT JOIN approvals_permit live
    ON live.request_id = r.id AND live.consumed_at IS NULL AND live.revoked_at IS NULL
 WHERE r.id = ANY(%(ids)s) AND r.permit_state IN ('open', 'issued')
   AND NOT EXISTS (SELECT 1 FROM approvals_result told WHERE told.request_id = r.id)
"""
_LAPSE: Final = f"""
WITH moved AS (
    UPDATE approvals_request SET permit_state = 'lapsed', sequence = sequence + 1, unsettled_at = %(at)s
     WHERE id = ANY(%(ids)s)
),
dead AS (
    UPDATE approvals_permit SET revoked_at = %(at)s
     WHERE request_id = ANY(%(ids)s) AND consumed_at IS NULL AND revoked_at IS NULL
),
{INSERT_EVENTS}
SELECT 1
"""
_UNTOLD: Final = """
SELECT r.id, r.workspace_id, used.id, clock_timestamp()
  FROM approvals_request r
  JOIN approvals_permit used ON used.request_id = r.id AND used.consumed_at IS NOT NULL
 WHERE r.id = ANY(%(ids)s) AND NOT r.result_missing
   AND NOT EXISTS (SELECT 1 FROM approvals_result told WHERE told.request_id = r.id)
"""
_MISSING: Final = f"""
WITH moved AS (
    UPDATE approvals_request SET result_missing = true, sequence = sequence + 1, unsettled_at = %(at)s
     WHERE id = ANY(%(ids)s)
),
{INSERT_EVENTS}
SELECT 1
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """A request that time changed."""

    id: UUID
    workspace: UUID


def lapse(conn: Connection[Any], request_ids: Sequence[UUID]) -> list[Changed]:
    """Let approvals lapse whose time is over, in the caller's transaction; those that did.

    One whose last permit is still good, or whose time was not over, gets a new promise.
    """
    conn.execute(LOCK, {"ids": list(request_ids)})
    rows = conn.execute(_UNUSED, {"ids": list(request_ids)}).fetchall()
    early = [Promise(LAPSE, row[1], row[0], row[3]) for row in rows if row[3] > row[4]]
    late = [row for row in rows if row[3] <= row[4]]
    if early:
        conn.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(early))
    if late:
        facts = [
            Fact(row[1], _CLOCK, ("req", row[0]), PermitLapsed(revision=row[2])) for row in late
        ]
        at = late[0][4]
        values = {"ids": [row[0] for row in late], "at": at}
        conn.execute(_LAPSE, values | event_rows(facts, at))
    return [Changed(row[0], row[1]) for row in late]


def miss_results(conn: Connection[Any], request_ids: Sequence[UUID]) -> list[Changed]:
    """Note of used permits that nobody told a result, in the caller's transaction; those noted."""
    conn.execute(LOCK, {"ids": list(request_ids)})
    rows = conn.execute(_UNTOLD, {"ids": list(request_ids)}).fetchall()
    if rows:
        facts = [
            Fact(row[1], _CLOCK, ("req", row[0]), ResultMissing(permit=ids.encode("pmt", row[2])))
            for row in rows
        ]
        at = rows[0][3]
        values = {"ids": [row[0] for row in rows], "at": at}
        conn.execute(_MISSING, values | event_rows(facts, at))
    return [Changed(row[0], row[1]) for row in rows]
