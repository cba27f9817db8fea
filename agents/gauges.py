"""Calls that agents told within the last hour, of all workspaces: for `oversight.metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection

#: Calls of the last hour are counted up to here.
MOST: Final = 50_000

# By id, whose first bits are milliseconds: those of three hours are read, so that a host whose clock is
# wrong hides nothing.
_LATELY: Final = """
SELECT told.kind, told.status, count(*)
  FROM (
    SELECT s.kind, s.status, s.created_at FROM agents_step AS s
     WHERE s.id > (SELECT (lpad(to_hex((EXTRACT(EPOCH FROM statement_timestamp() - interval '3 hours') * 1000)
                                       ::bigint), 12, '0') || repeat('0', 20))::uuid)
     ORDER BY s.id DESC LIMIT %(most)s
  ) AS told
 WHERE told.created_at > statement_timestamp() - interval '1 hour'
 GROUP BY told.kind, told.status ORDER BY told.kind, told.status
"""


def calls(conn: Connection[Any]) -> Mapping[tuple[str, str], int]:
    """How many, by kind (``tool``, ``model``) and what came of them."""
    rows = conn.execute(_LATELY, {"most": MOST}).fetchall()
    return {(kind, status): count for kind, status, count in rows}
