"""The steps of the last hour, of all workspaces together: for `oversight.metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection

from approvals.gauges import Lateness

#: Steps of the last hour are counted up to here in each workspace.
MOST: Final = 20_000

_LATELY: Final = """
  FROM people_workspace AS w
 CROSS JOIN LATERAL (
    SELECT s.kind, s.state, s.cause, s.due_at, s.at FROM escalations_step AS s
     WHERE s.workspace_id = w.id AND s.at > statement_timestamp() - interval '1 hour'
     ORDER BY s.at DESC LIMIT %(most)s
 ) AS step
"""
STEPS: Final = f"""
SELECT step.kind, step.state, step.cause, count(*) {_LATELY}
 GROUP BY step.kind, step.state, step.cause ORDER BY step.kind, step.state, step.cause
"""
# What a person asked for, and what was due because nobody was reached, came before its time.
LATENESS: Final = f"""
SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (
           ORDER BY greatest(0, EXTRACT(EPOCH FROM step.at - step.due_at))::float8)
{_LATELY} WHERE step.cause = 'clock' AND step.state = 'fired'
"""


def steps(conn: Connection[Any]) -> Mapping[tuple[str, str, str], int]:
    """How many steps there were within the last hour, by kind, state and cause."""
    rows = conn.execute(STEPS, {"most": MOST}).fetchall()
    return {(kind, state, cause): count for kind, state, cause, count in rows}


def lateness(conn: Connection[Any]) -> Lateness | None:
    """How late the clock took its steps within the last hour; None: it took none."""
    row = conn.execute(LATENESS, {"most": MOST}).fetchone()
    return Lateness(*row[0]) if row and row[0] else None
