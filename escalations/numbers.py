"""How often a role's requests had to be escalated, in one workspace: for `oversight.numbers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from approvals.numbers import ASKED, RoleId

# A step that first asked a role, and what came before it, is no failure of that role.
_STEPS: Final = f"""
WITH {ASKED}
SELECT asked.role,
       count(DISTINCT asked.request_id) FILTER (WHERE s.kind <> 'remind'),
       count(DISTINCT asked.request_id) FILTER (WHERE s.kind = 'remind')
  FROM asked
  LEFT JOIN people_role AS held ON held.id = asked.role
  JOIN escalations_step AS s
    ON s.request_id = asked.request_id AND s.revision = asked.revision AND s.stage = asked.stage
   AND s.workspace_id = asked.workspace_id AND s.state = 'fired'
 WHERE NOT EXISTS (
    SELECT 1 FROM escalations_step AS later
     WHERE later.request_id = s.request_id AND later.revision = s.revision AND later.stage = s.stage
       AND later.kind = 'widen' AND later.state = 'fired' AND later.target = 'role:' || held.name
       AND later.number >= s.number)
 GROUP BY asked.role
"""


@dataclass(frozen=True, slots=True)
class Escalated:
    """How many requests had a step of their escalation taken, and how many a reminder."""

    escalated: int
    reminded: int


def escalated(conn: Connection[Any], span: Mapping[str, Any]) -> dict[RoleId, Escalated]:
    """By the roles of the stage at which it was taken; None: of all, each request once."""
    rows = conn.execute(_STEPS, dict(span)).fetchall()
    return {role: Escalated(*counts) for role, *counts in rows}
