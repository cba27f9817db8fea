"""Looking at due rows without touching them: how many wait, and which nobody gets done.

Both go by the index of kinds and times, and stop counting: a look must cost the same with a hundred rows
as with a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from core.due import LEASE

#: Waiting rows of a kind are counted up to here.
MOST_WAITING: Final = 10_000
#: A row that was claimed so often, and is not done so long after its time, will hardly be done by itself.
MANY_TRIES: Final = 5
STUCK_AFTER: Final = timedelta(minutes=2)
MOST_STUCK: Final = 20

# A member of a WITH RECURSIVE list: the kinds there are, by a loose scan of the index.
_KINDS: Final = """
kinds (kind) AS (
    (SELECT kind FROM core_due ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT d.kind FROM core_due AS d WHERE d.kind > kinds.kind ORDER BY d.kind LIMIT 1)
    FROM kinds WHERE kinds.kind IS NOT NULL
)
"""
WAITING: Final = f"""
WITH RECURSIVE {_KINDS}
SELECT kinds.kind, counted.many
FROM kinds CROSS JOIN LATERAL (
    SELECT count(*) AS many FROM (
        SELECT d.ready_at FROM core_due AS d WHERE d.kind = kinds.kind ORDER BY d.ready_at LIMIT %(most)s
    ) AS bounded
) AS counted
WHERE kinds.kind IS NOT NULL ORDER BY kinds.kind
"""

# What is claimed again and again is under a lease, or was a moment ago: the index is asked for that
# span only. Rows that are moved on (`SETTLE_DUE`) keep their fence, so the time since counts as well.
STUCK: Final = f"""
WITH RECURSIVE {_KINDS}
SELECT kinds.kind, late.workspace_id, late.subject, late.fence,
       EXTRACT(EPOCH FROM clock_timestamp() - late.due_at)::float8
FROM kinds CROSS JOIN LATERAL (
    SELECT d.workspace_id, d.subject, d.fence, d.due_at FROM core_due AS d
    WHERE d.kind = kinds.kind
      AND d.ready_at BETWEEN (SELECT clock_timestamp() - %(lease)s) AND (SELECT clock_timestamp() + %(lease)s)
      AND d.due_at <= (SELECT clock_timestamp() - %(after)s)
      AND d.ready_at > d.due_at AND d.fence >= %(tries)s
    ORDER BY d.ready_at LIMIT %(most)s
) AS late
ORDER BY late.due_at LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A row that was claimed again and again, and never kept."""

    kind: str
    workspace: UUID
    subject: UUID
    tries: int
    late_s: float


def waiting(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows there are of each kind, due or not; at most 10,000 of one are counted."""
    return dict(conn.execute(WAITING, {"most": MOST_WAITING}).fetchall())


def stuck(conn: psycopg.Connection[Any]) -> list[Stuck]:
    """Rows that five claims and two minutes did not get done, the oldest first; at most 20."""
    values = {"lease": LEASE, "after": STUCK_AFTER, "tries": MANY_TRIES, "most": MOST_STUCK}
    return [Stuck(*row) for row in conn.execute(STUCK, values).fetchall()]
