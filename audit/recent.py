"""What the log says of the last hour, and what waits for its place in it: for measuring.

Read by workspace and time, which is how events are indexed: what is old costs nothing.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection

MOST_WAITING: Final = 10_000
#: A sub-select: subjects of a workspace's events of these kinds of the last hour, the newest first.
#: ``SUBJECTS.format(workspace="w.id", kinds="%(kinds)s", most="%(most)s")``
SUBJECTS: Final = """
SELECT e.subject FROM audit_event AS e
 WHERE e.workspace_id = {workspace} AND e.at > statement_timestamp() - interval '1 hour'
   AND e.kind = ANY({kinds}::text[])
 ORDER BY e.at DESC LIMIT {most}
"""
_WAITING: Final = "SELECT count(*) FROM (SELECT 1 FROM audit_pending LIMIT %s) AS waiting"


def waiting(conn: Connection[Any]) -> int:
    """How many events have no place in the log yet; at most 10,000 are counted."""
    row = conn.execute(_WAITING, (MOST_WAITING,)).fetchone()
    return int(row[0]) if row else 0
