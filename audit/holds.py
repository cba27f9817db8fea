"""Logs that contradict an anchor: nothing more is signed until an operator has looked.

"A log MUST NOT sign an inconsistent checkpoint" (c2sp.org/tlog-checkpoint).  A restored backup that is
older than an anchor would do just that with its next event.  Events go on being written; they wait.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.actor import Actor
from audit.kinds import LogRollbackAccepted, LogRollbackFound
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import ids

#: What whoever lets a workspace's log grow holds, the workspace's id as text.
LOCK_KEY: Final = "hashtextextended('assentry log ' || %s, 0)"
# The sequencer's own lock: a batch is signed before a hold is placed, or sees it.
_LOCK: Final = f"SELECT pg_advisory_xact_lock({LOCK_KEY})"
_HELD: Final = """
SELECT EXISTS (SELECT FROM audit_hold WHERE workspace_id = %s AND accepted_at IS NULL)
"""
_PLACE: Final = """
INSERT INTO audit_hold (id, workspace_id, size, root, what, log_size, found_at)
VALUES (%(id)s, %(workspace)s, %(size)s, %(root)s, %(what)s, %(log_size)s, clock_timestamp())
ON CONFLICT (workspace_id, size, root) DO NOTHING RETURNING found_at
"""
_COLUMNS: Final = "id, size, root, what, log_size, found_at"
_OPEN: Final = f"""
SELECT {_COLUMNS} FROM audit_hold WHERE workspace_id = %s AND accepted_at IS NULL ORDER BY id
"""
_IS_ACCEPTED: Final = """
SELECT EXISTS (SELECT FROM audit_hold
                WHERE workspace_id = %s AND size = %s AND root = %s AND accepted_at IS NOT NULL)
"""
_ACCEPT: Final = f"""
UPDATE audit_hold SET accepted_at = clock_timestamp()
 WHERE workspace_id = %s AND accepted_at IS NULL RETURNING {_COLUMNS}, accepted_at
"""


@dataclass(frozen=True, slots=True)
class Held:
    """An anchor that the log contradicts; ``what`` is ``shorter`` or ``different``."""

    id: UUID
    size: int
    root: bytes
    what: str
    log_size: int
    found_at: datetime


def is_held(conn: Connection[Any], workspace: UUID) -> bool:
    """Whether nothing of this workspace's log may be signed now."""
    row = conn.execute(_HELD, [workspace]).fetchone()
    return row is not None and bool(row[0])


def open_holds(conn: Connection[Any], workspace: UUID) -> list[Held]:
    """What holds a workspace's log, the oldest first."""
    return [Held(*row) for row in conn.execute(_OPEN, [workspace])]


def is_accepted(conn: Connection[Any], workspace: UUID, size: int, root: bytes) -> bool:
    """Whether an operator has let the log go on in spite of this anchor."""
    row = conn.execute(_IS_ACCEPTED, [workspace, size, root]).fetchone()
    return row is not None and bool(row[0])


def place(
    conn: Connection[Any],
    *,
    actor: Actor,
    workspace: UUID,
    size: int,
    root: bytes,
    what: str,
    log_size: int,
) -> bool:
    """Hold a workspace's log, with the event; False where this anchor held it before."""
    with conn.transaction():
        conn.execute(_LOCK, [str(workspace)])
        values = {"id": ids.uuid7(), "workspace": workspace, "size": size, "root": root}
        values |= {"what": what, "log_size": log_size}
        row = conn.execute(_PLACE, values).fetchone()
        if row is None:
            return False
        data = LogRollbackFound(what=what, anchored=size, root=_shown(root), size=log_size)
        _write(conn, [Fact(workspace, actor, ("wsp", workspace), data)], row[0])
    return True


def accept(conn: Connection[Any], *, actor: Actor, workspace: UUID, reason: str) -> list[Held]:
    """Let a held log go on, with an event for each anchor that it contradicts; those anchors."""
    with conn.transaction():
        conn.execute(_LOCK, [str(workspace)])
        rows = conn.execute(_ACCEPT, [workspace]).fetchall()
        accepted = [Held(*row[:-1]) for row in rows]
        facts = [
            Fact(
                workspace,
                actor,
                ("wsp", workspace),
                LogRollbackAccepted(anchored=held.size, root=_shown(held.root), size=held.log_size),
                {"reason": Commitment(reason.encode())},
            )
            for held in accepted
        ]
        if facts:
            _write(conn, facts, rows[0][-1])
    return accepted


def _write(conn: Connection[Any], facts: Sequence[Fact], at: datetime) -> None:
    conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows(facts, at))


def _shown(root: bytes) -> str:
    return base64.b64encode(root).decode()
