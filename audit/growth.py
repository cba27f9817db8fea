"""How far a log has come: its root at an earlier size, and whether anything happened since."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.kinds import LogAnchored, LogAnchorRecovered
from audit.nodes import range_hashes

#: What anchoring itself writes: no reason to anchor again, else anchors would call for anchors for ever.
QUIET: Final = [LogAnchored.KIND, LogAnchorRecovered.KIND]

_FIRST_NEWS: Final = """
SELECT e.at FROM audit_leaf AS l JOIN audit_event AS e ON e.id = l.event_id
 WHERE l.workspace_id = %s AND l.position >= %s AND e.kind <> ALL(%s)
 ORDER BY l.position LIMIT 1
"""


def root_at(conn: Connection[Any], workspace: UUID, size: int) -> bytes:
    """The root of a workspace's log when it had ``size`` events, from its leaves.

    Raises:
        nodes.Missing: the log is not that long, or was damaged.
    """
    return range_hashes(conn, workspace, [(0, size)])[0]


def first_news(conn: Connection[Any], workspace: UUID, start: int) -> datetime | None:
    """When the first event from position ``start`` on happened that is more than word of an anchor."""
    row = conn.execute(_FIRST_NEWS, [workspace, start, QUIET]).fetchone()
    return None if row is None else row[0]
