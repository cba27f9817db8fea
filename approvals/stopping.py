"""Ending everything that some agents could still do: the kill switch's part in requests and permits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.ends import Ending, end_requests
from approvals.status import Basis, Status
from approvals.undo import revoke_permits
from audit.actor import Actor

#: What a use of the kill switch lists of what had run; the count is always whole.
MOST_LISTED: Final = 100

_STOPPABLE: Final = """
  FROM approvals_request r
 WHERE r.agent_id = ANY(%(agents)s) AND (r.status = 'pending' OR r.permit_state IN ('open', 'issued'))
"""
#: One order of locks for everybody: by id.
_LOCK: Final = f"""
SELECT r.id, r.workspace_id, r.revision, r.expires_at, r.status {_STOPPABLE} ORDER BY r.id FOR UPDATE OF r
"""
_COUNT: Final = f"""
SELECT count(*) FILTER (WHERE r.status = 'pending'), count(*) FILTER (WHERE r.status <> 'pending') {_STOPPABLE}
"""
#: Permits that tools used lately: their actions ran, or run at this moment.
_HAD_RUN: Final = """
SELECT p.request_id, p.action, p.consumed_at, told.status, count(*) OVER ()
  FROM approvals_permit p
  LEFT JOIN approvals_result told ON told.request_id = p.request_id
 WHERE p.agent_id = ANY(%(agents)s)
   AND p.consumed_at > clock_timestamp() - interval '24 hours'
 ORDER BY (told.status IS NOT NULL), p.consumed_at DESC
 LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """An action that a tool ran, or runs; without a result nobody knows yet how it ended."""

    request: UUID
    action: str
    at: datetime
    result: str | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was stopped, and what had run within the last day before."""

    cancelled: tuple[UUID, ...]
    revoked: tuple[UUID, ...]
    had_run: tuple[Ran, ...]
    had_run_count: int


@dataclass(frozen=True, slots=True)
class Stoppable:
    """What could be stopped now."""

    pending: int
    permits: int
    had_run: tuple[Ran, ...]
    had_run_count: int


def stop(conn: Connection[Any], agents: Sequence[UUID], *, actor: Actor) -> Stopped:
    """Cancel every pending request of these agents and revoke every unused permit.

    In the caller's transaction, which has locked the agents.
    """
    rows = conn.execute(_LOCK, {"agents": list(agents)}).fetchall()
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    pending = [_ending(row) for row in rows if row[4] == Status.PENDING]
    approved = [_ending(row) for row in rows if row[4] != Status.PENDING]
    if pending:
        end_requests(
            conn,
            pending,
            actor=actor,
            outcome=Status.CANCELLED,
            basis=Basis.KILL_SWITCH,
            at=clock[0],
        )
    if approved:
        revoke_permits(conn, approved, actor=actor, by="kill_switch", at=clock[0])
    ran, count = _had_run(conn, agents)
    return Stopped(tuple(r.id for r in pending), tuple(r.id for r in approved), ran, count)


def _ending(row: Sequence[Any]) -> Ending:
    return Ending(row[0], row[1], row[2], row[3], None)


def look(conn: Connection[Any], agents: Sequence[UUID]) -> Stoppable:
    """What `stop` would come to; nothing is locked or changed."""
    counted = conn.execute(_COUNT, {"agents": list(agents)}).fetchone()
    assert counted is not None  # noqa: S101  # an aggregate always answers
    return Stoppable(counted[0], counted[1], *_had_run(conn, agents))


def _had_run(conn: Connection[Any], agents: Sequence[UUID]) -> tuple[tuple[Ran, ...], int]:
    rows = conn.execute(_HAD_RUN, {"agents": list(agents), "most": MOST_LISTED}).fetchall()
    return tuple(Ran(*row[:4]) for row in rows), rows[0][4] if rows else 0
