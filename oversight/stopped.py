"""What the kill switch holds at this moment, and what there is to stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.models import Agent
from approvals.access import Reader
from core.db import pool

_IN_FORCE: Final = """
SELECT agent.id, agent.name, min(kill.at)
  FROM oversight_kill kill
  JOIN agents_agent agent ON agent.id = ANY(kill.suspended) AND agent.workspace_id = kill.workspace_id
 WHERE kill.workspace_id = %(workspace)s AND kill.undone_at IS NULL AND agent.state = 'suspended'
   AND (%(administers)s OR agent.owner_id = %(person)s)
 GROUP BY agent.id, agent.name
 ORDER BY min(kill.at), agent.name
"""


@dataclass(frozen=True, slots=True)
class Held:
    """An agent that a use of the switch holds, and since when."""

    id: UUID
    name: str
    since: datetime


def in_force(*, reader: Reader) -> list[Held]:
    """The agents held now that this reader may stop, those held longest first."""
    with pool().connection() as conn:
        rows = conn.execute(_IN_FORCE, reader.values()).fetchall()
    return [Held(*row) for row in rows]


def stoppable(*, reader: Reader) -> list[Agent]:
    """The agents that this reader may stop, with their owners, by name."""
    found = Agent.objects.filter(workspace_id=reader.workspace_id).exclude(
        state=Agent.State.RETIRED
    )
    if "administer" not in reader.permissions:
        found = found.filter(owner_id=reader.person_id)
    return list(found.select_related("owner__user").order_by("name"))
