"""How people decided on what agents asked for, by agent and its version, and what came of it: for `oversight.numbers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.numbers import FIRST_RUN, RAN, VERSION
from approvals.numbers import SUBMITTED

# Most requests have one revision: only the others are looked at for one that a person wrote.
_VERSIONS: Final = f"""
WITH submitted AS (
    SELECT r.id, r.workspace_id, r.agent_id, r.run_id, r.status, r.created_at,
           r.basis IN ('people', 'confirm') AS decided,
           CASE WHEN r.revision > 1 THEN EXISTS (
               SELECT 1 FROM approvals_revision AS v
                WHERE v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.author_id IS NOT NULL)
           ELSE false END AS edited
    {SUBMITTED} AND r.kind = 'request'
),
asked AS (
    SELECT s.agent_id, coalesce(run.agent_version, '') AS version, min(s.created_at), count(*),
           count(*) FILTER (WHERE s.decided),
           count(*) FILTER (WHERE s.decided AND s.status = 'rejected'),
           count(*) FILTER (WHERE s.decided AND s.edited)
      FROM submitted AS s {VERSION.format(run="s.run_id")}
     GROUP BY 1, 2
)
SELECT asked.*, CASE WHEN version <> '' THEN (
           {FIRST_RUN.format(agent="asked.agent_id", version="asked.version")}) END
  FROM asked
"""
_RESULTS: Final = f"""
WITH {RAN}
SELECT ran.agent_id, count(*) FILTER (WHERE told.status = 'succeeded'), sum(told.cost)
  FROM ran
  JOIN approvals_request AS r ON r.run_id = ran.id
  JOIN approvals_result AS told ON told.request_id = r.id
 GROUP BY ran.agent_id
"""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an agent: since when it asked, how often, and how people decided on that.

    ``first_run_at`` is of its first run ever; None where none was declared.
    """

    agent: UUID
    version: str
    first_at: datetime
    submitted: int
    decided: int
    rejected: int
    edited: int
    first_run_at: datetime | None


def versions(conn: Connection[Any], span: Mapping[str, Any]) -> list[Version]:
    """By agent and the version that its run declared; empty where none did."""
    return [Version(*row) for row in conn.execute(_VERSIONS, dict(span)).fetchall()]


def results(
    conn: Connection[Any], span: Mapping[str, Any]
) -> dict[UUID, tuple[int, Decimal | None]]:
    """Of the runs of the period, by agent: actions that were told to have succeeded, and what all told cost."""
    rows = conn.execute(_RESULTS, dict(span)).fetchall()
    return {agent: (succeeded, cost) for agent, succeeded, cost in rows}
