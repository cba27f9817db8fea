"""How the requests of a period ended, and how long it took until people ended them: for `oversight.numbers`.

The parameters are those of `approvals.numbers`; ``zone`` is the time zone in which days are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.numbers import SUBMITTED, TOOK, Took, took

#: What ended, by status and basis: how many.
Ends = Mapping[tuple[str, str | None], int]

#: A member of a WITH list: what people ended by their votes, and how long that took from the submit.
_BY_PEOPLE: Final = f"""
ended AS (
    SELECT r.id, r.workspace_id, r.kind, r.action, r.revision, r.ended_at - r.created_at AS took
    {SUBMITTED} AND r.basis IN ('people', 'confirm')
)
"""
_BY_ACTION: Final = f"""
WITH {_BY_PEOPLE}
SELECT CASE WHEN GROUPING(action) = 0 THEN coalesce(action, '') END, {TOOK.format(interval="took")}
  FROM ended GROUP BY GROUPING SETS ((), (action))
"""
_BY_ROLE: Final = f"""
WITH {_BY_PEOPLE},
asked AS (
    SELECT DISTINCT ended.id, ended.took, whom.role
      FROM ended
      JOIN approvals_stage AS s
        ON s.workspace_id = ended.workspace_id AND s.request_id = ended.id AND s.revision = ended.revision
     CROSS JOIN LATERAL unnest(s.roles) AS whom (role)
)
SELECT role, {TOOK.format(interval="took")} FROM asked GROUP BY role
"""
# The deciding vote is the last that counted: with it the plan was fulfilled, or the request rejected.
_BY_CHANNEL: Final = f"""
WITH {_BY_PEOPLE},
decided AS (
    SELECT DISTINCT ON (ended.id) d.channel, ended.took
      FROM ended
      JOIN approvals_decision AS d ON d.request_id = ended.id AND d.revision = ended.revision
     WHERE d.void_at IS NULL AND d.verdict <> 'return'
     ORDER BY ended.id, d.at DESC, d.id DESC
)
SELECT channel, {TOOK.format(interval="took")} FROM decided GROUP BY channel
"""
_OUTCOMES: Final = f"""
WITH submitted AS (
    SELECT (r.created_at AT TIME ZONE %(zone)s)::date AS day, r.action, r.status, r.basis {SUBMITTED}
)
SELECT day, action, status, basis, count(*) FROM submitted
 GROUP BY GROUPING SETS ((day, status, basis), (action, status, basis))
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """From the submit to the end, of what people ended: in all, and by what."""

    total: Took
    actions: Mapping[str, Took]
    roles: Mapping[UUID, Took]
    channels: Mapping[str, Took]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the requests, by the day they came and by action; pending ones have no basis."""

    days: Mapping[date, Ends]
    actions: Mapping[str, Ends]


def latency(conn: Connection[Any], span: Mapping[str, Any]) -> Latency:
    """How long it took until people had decided."""
    actions = took(conn, _BY_ACTION, span)
    return Latency(
        total=actions.pop(None, (0, None, None)),
        actions=actions,
        roles=took(conn, _BY_ROLE, span),
        channels=took(conn, _BY_CHANNEL, span),
    )


def outcomes(conn: Connection[Any], span: Mapping[str, Any]) -> Outcomes:
    """How they ended."""
    days: dict[date, dict[tuple[str, str | None], int]] = {}
    actions: dict[str, dict[tuple[str, str | None], int]] = {}
    for day, action, status, basis, count in conn.execute(_OUTCOMES, dict(span)).fetchall():
        of = actions.setdefault(action, {}) if day is None else days.setdefault(day, {})
        of[(status, basis)] = count
    return Outcomes(days, actions)
