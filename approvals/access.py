"""Who may see a request, and who may decide on it: one small place, the same for every door.

Seeing is: being asked in any stage of its plan, or standing in for somebody who is; owning the agent, having
started the run, having been told while nobody decided, holding the workspace's ``view``, or administering it
where another administrator said yes past the plan.  Deciding is membership alone, one's own or of whom one
stands in for, looked at when it counts (`approvals.decide`); no permission
and no administrator's right replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from people.sql import ROLES_OF_PERSON

#: The condition under which ``%(person)s`` may see request ``r`` of ``agent``.
MAY_SEE = f"""
    (r.roles && {ROLES_OF_PERSON} OR agent.owner_id = %(person)s OR r.initiator_id = %(person)s OR %(view)s
     OR %(person)s = ANY(r.told)
     OR (%(administers)s AND EXISTS (SELECT 1 FROM approvals_breakglass past WHERE past.request_id = r.id)))
"""


#: Whether the seat of ``ab``, who is away, could be filled on request ``r`` of ``agent``: it is not their own.
SEAT_IS_FOR_OTHERS = """
    ab.person_id <> agent.owner_id AND ab.person_id IS DISTINCT FROM r.initiator_id
"""

#: The same at its open stage, where nobody has decided on that seat.
SEAT_IS_FREE = f"""
    ({SEAT_IS_FOR_OTHERS} AND NOT EXISTS (
        SELECT 1 FROM approvals_decision used
         WHERE used.request_id = r.id AND used.revision = r.revision AND used.stage = r.stage
           AND coalesce(used.on_behalf_of_id, used.person_id) = ab.person_id
           AND used.void_at IS NULL AND used.verdict <> 'return'))
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """A signed-in person in one workspace, as a door has proven them."""

    workspace_id: UUID
    person_id: UUID
    user_id: UUID
    name: str
    permissions: frozenset[str] = frozenset()

    @property
    def sees_all(self) -> bool:
        """Whether the workspace lets this person see every request."""
        return "view" in self.permissions

    def values(self) -> dict[str, object]:
        """The parameters of `MAY_SEE`, and the workspace."""
        return {
            "workspace": self.workspace_id,
            "person": self.person_id,
            "view": self.sees_all,
            "administers": "administer" in self.permissions,
        }
