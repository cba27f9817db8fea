"""How many requests wait and how they ended lately, of all workspaces together: for `oversight.metrics`.

Nothing here reads what is neither pending nor of the last hour, and everything stops counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from audit import kinds
from audit.recent import SUBJECTS

#: Pending requests are counted up to here; ends of the last hour up to here in each workspace.
MOST_PENDING: Final = 100_000
MOST_ENDED: Final = 20_000
_ENDS: Final = [
    kind.KIND
    for kind in (
        kinds.RequestApproved,
        kinds.RequestRejected,
        kinds.RequestAnswered,
        kinds.RequestExpired,
        kinds.RequestCancelled,
    )
]

PENDING: Final = """
SELECT risk, count(*) FROM (
    SELECT r.risk FROM approvals_request AS r WHERE r.status = 'pending' LIMIT %(most)s
) AS waits GROUP BY risk ORDER BY risk
"""
_ENDED_LATELY: Final = f"""
  FROM people_workspace AS w
 CROSS JOIN LATERAL ({SUBJECTS.format(workspace="w.id", kinds="%(kinds)s", most="%(most)s")}) AS ended
  JOIN approvals_request AS r ON r.id = ended.subject
"""
ENDED: Final = f"""
SELECT r.status, r.basis, count(*) {_ENDED_LATELY}
 WHERE r.status <> 'pending' GROUP BY r.status, r.basis ORDER BY r.status, r.basis
"""
LATENCY: Final = f"""
SELECT percentile_disc(ARRAY[0.5, 0.95, 1]) WITHIN GROUP (
           ORDER BY greatest(0, EXTRACT(EPOCH FROM r.ended_at - r.created_at))::float8)
{_ENDED_LATELY} WHERE r.basis IN ('people', 'confirm')
"""
SUBMITTED: Final = f"""
SELECT CASE r.basis WHEN 'policy' THEN 'nobody' ELSE 'people' END AS asks, count(*)
  FROM people_workspace AS w
 CROSS JOIN LATERAL ({SUBJECTS.format(workspace="w.id", kinds="%(kinds)s", most="%(most)s")}) AS came
  JOIN approvals_request AS r ON r.id = came.subject
 GROUP BY asks
"""
LATENESS: Final = f"""
SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (
           ORDER BY greatest(0, EXTRACT(EPOCH FROM r.ended_at - r.expires_at))::float8)
{_ENDED_LATELY} WHERE r.basis = 'clock'
"""


_SUBMITS: Final = [kinds.RequestSubmitted.KIND, kinds.QuestionAsked.KIND]


@dataclass(frozen=True, slots=True)
class Lateness:
    """By how many seconds the clock was late: half of the time at most, of a hundred all but one, ever."""

    p50: float
    p99: float
    longest: float


def pending(conn: Connection[Any]) -> Mapping[str, int]:
    """How many requests wait, by risk."""
    return dict(conn.execute(PENDING, {"most": MOST_PENDING}).fetchall())


def ended(conn: Connection[Any]) -> Mapping[tuple[str, str], int]:
    """How many ended within the last hour, by outcome and basis."""
    rows = conn.execute(ENDED, _values()).fetchall()
    return {(outcome, basis): count for outcome, basis, count in rows}


def latency(conn: Connection[Any]) -> tuple[float, float, float] | None:
    """What half, 95 of 100 and the longest of those that people ended within the last hour took, in seconds."""
    row = conn.execute(LATENCY, _values()).fetchone()
    if not row or not row[0]:
        return None
    half, most, longest = row[0]
    return half, most, longest


def submitted(conn: Connection[Any]) -> Mapping[str, int]:
    """How many came within the last hour, by whether they asked ``people`` or ``nobody``."""
    return dict(conn.execute(SUBMITTED, {"kinds": _SUBMITS, "most": MOST_ENDED}).fetchall())


def lateness(conn: Connection[Any]) -> Lateness | None:
    """How late the clock ended those whose deadline came within the last hour; None: there was none."""
    row = conn.execute(LATENESS, _values()).fetchone()
    return Lateness(*row[0]) if row and row[0] else None


def _values() -> dict[str, Any]:
    return {"kinds": _ENDS, "most": MOST_ENDED}
