"""Messages of the last hour, and requests that told nobody: for `oversight.metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection

#: Messages of the last hour are counted up to here in each workspace.
MOST: Final = 20_000
MOST_UNREACHED: Final = 10_000

# The index of the newest goes by id, whose first bits are the milliseconds of the host that made it:
# those of three hours are read, so that a host whose clock is wrong hides nothing.
MESSAGES: Final = """
SELECT sent.channel, sent.state, count(*)
  FROM people_workspace AS w
 CROSS JOIN LATERAL (
    SELECT n.channel, n.state, n.created_at FROM notifications_notification AS n
     WHERE n.workspace_id = w.id
       AND n.id > (SELECT (lpad(to_hex((EXTRACT(EPOCH FROM statement_timestamp() - interval '3 hours') * 1000)
                                       ::bigint), 12, '0') || repeat('0', 20))::uuid)
     ORDER BY n.id DESC LIMIT %(most)s
 ) AS sent
 WHERE sent.created_at > statement_timestamp() - interval '1 hour'
 GROUP BY sent.channel, sent.state ORDER BY sent.channel, sent.state
"""
_UNREACHED: Final = """
SELECT count(*) FROM (SELECT 1 FROM notifications_unreached WHERE over_at IS NULL LIMIT %(most)s) AS silent
"""


def messages(conn: Connection[Any]) -> Mapping[tuple[str, str], int]:
    """How many messages were written within the last hour, by channel and what became of them."""
    rows = conn.execute(MESSAGES, {"most": MOST}).fetchall()
    return {(channel, state): count for channel, state, count in rows}


def unreached(conn: Connection[Any]) -> int:
    """How many requests wait although nobody could be told of them; at most 10,000 are counted."""
    row = conn.execute(_UNREACHED, {"most": MOST_UNREACHED}).fetchone()
    return int(row[0]) if row else 0
