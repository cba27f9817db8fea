"""What was asked of whom in a workspace, how it ended and how long it took: for `oversight.numbers`.

Everything is of the requests that were submitted from one instant up to another, found by the index of the
newest; stages and decisions are found by their request.  The parameters are ``workspace``, ``since``, ``until``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

from psycopg import Connection

from notifications.numbers import FIRST_VIEW

#: A role; None: whomever a stage asked, each stage once.
RoleId: TypeAlias = UUID | None
#: How often something took how long: the count, the median, and what 95 of 100 stay below, in seconds.
Took: TypeAlias = tuple[int, float | None, float | None]
#: By (day of the week from 1, Monday; hour from 0): how many.
Load: TypeAlias = Mapping[tuple[int, int], int]

SUBMITTED: Final = """
FROM approvals_request AS r
WHERE r.workspace_id = %(workspace)s AND r.created_at >= %(since)s AND r.created_at < %(until)s
"""
#: Two members of a WITH list: `asked` has a row for each stage and role that it asks, and one without.
ASKED: Final = f"""
submitted AS (SELECT r.id, r.workspace_id, r.status, r.ended_at {SUBMITTED}),
asked AS (
    SELECT r.id AS request_id, r.workspace_id, r.status, r.ended_at, s.revision, s.index AS stage,
           s.opened_at, s.closed_at, whom.role
      FROM submitted AS r
      JOIN approvals_stage AS s ON s.workspace_id = r.workspace_id AND s.request_id = r.id
     CROSS JOIN LATERAL (SELECT unnest(s.roles) AS role UNION ALL SELECT NULL) AS whom
)
"""
#: What `Took` is of an interval.
TOOK: Final = """
count({interval}),
percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (
    ORDER BY greatest(0, EXTRACT(EPOCH FROM {interval}))::float8)
"""
# It expired at the stage that was open then: whoever had decided before lets nothing expire.
_ENDS: Final = f"""
WITH {ASKED}
SELECT role, count(DISTINCT request_id),
       count(DISTINCT request_id) FILTER (WHERE ended_at IS NOT NULL),
       count(DISTINCT request_id) FILTER (WHERE status = 'expired' AND closed_at = ended_at)
  FROM asked GROUP BY role
"""
_DECIDING: Final = f"""
WITH {ASKED}
SELECT asked.role, {TOOK.format(interval="d.at - asked.opened_at")}
  FROM asked
  JOIN approvals_decision AS d
    ON d.request_id = asked.request_id AND d.revision = asked.revision AND d.stage = asked.stage
 GROUP BY asked.role
"""
_VIEWING: Final = f"""
WITH {ASKED}
SELECT asked.role, {TOOK.format(interval="seen.took")}
  FROM asked
 CROSS JOIN LATERAL (
    {FIRST_VIEW.format(request="asked.request_id", revision="asked.revision", stage="asked.stage")}
 ) AS seen
 WHERE seen.took IS NOT NULL
 GROUP BY asked.role
"""
_BY_HOUR: Final = """
EXTRACT(ISODOW FROM {at} AT TIME ZONE %(zone)s)::int, EXTRACT(HOUR FROM {at} AT TIME ZONE %(zone)s)::int
"""
_LOAD_SUBMITTED: Final = f"""
SELECT {_BY_HOUR.format(at="r.created_at")}, count(*) {SUBMITTED} GROUP BY 1, 2
"""
_LOAD_DECIDED: Final = f"""
WITH submitted AS (SELECT r.id {SUBMITTED})
SELECT {_BY_HOUR.format(at="d.at")}, count(*)
  FROM submitted JOIN approvals_decision AS d ON d.request_id = submitted.id GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests that asked a role: how many, of them ended, of them expired while the role was asked."""

    asked: int
    ended: int
    expired: int


def ends(conn: Connection[Any], span: Mapping[str, Any]) -> dict[RoleId, Asked]:
    """What became of the requests, by role."""
    return {row[0]: Asked(*row[1:]) for row in conn.execute(_ENDS, dict(span)).fetchall()}


def deciding(conn: Connection[Any], span: Mapping[str, Any]) -> dict[RoleId, Took]:
    """From the opening of a stage to each decision there, by the stage's roles."""
    return took(conn, _DECIDING, span)


def viewing(conn: Connection[Any], span: Mapping[str, Any]) -> dict[RoleId, Took]:
    """From the first message about a stage to the first view by somebody who was told, by its roles."""
    return took(conn, _VIEWING, span)


def load(conn: Connection[Any], span: Mapping[str, Any]) -> tuple[Load, Load]:
    """Submitted requests, and decisions on them, by day and hour of a time zone (``zone``)."""
    submitted, decided = (
        {(day, hour): count for day, hour, count in conn.execute(statement, dict(span)).fetchall()}
        for statement in (_LOAD_SUBMITTED, _LOAD_DECIDED)
    )
    return submitted, decided


def took(conn: Connection[Any], statement: str, span: Mapping[str, Any]) -> dict[Any, Took]:
    """What a statement says that answers (something, `TOOK`), by what it says first."""
    found: dict[Any, Took] = {}
    for key, count, quantiles in conn.execute(statement, dict(span)).fetchall():
        half, most = quantiles or (None, None)
        found[key] = (count, half, most)
    return found
