"""Which events of the log belong to requests of a kind: by agent, action, role asked, outcome.

Said as conditions in SQL, for whoever reads the log.  They look only at what never changes once an
event is below a checkpoint: at other events below it, and at columns that are written once.  So the same
question about the same length of log finds the same events for ever.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from core.canonical import canonical

#: What a request may have come to, by the names of its events; ``pending`` is none of them.
OUTCOMES: Final = ("approved", "rejected", "answered", "expired", "cancelled", "revoked")
PENDING: Final = "pending"

# OFFSET 0 keeps each look a look of its own, by index. Joined, every request would be read for a page.
_AGENT: Final = """
(e.subject = %(agent)s
 OR substr(e.body, 1, %(agent_length)s) = %(agent_beginning)s
 OR EXISTS (SELECT FROM approvals_request AS r
             WHERE r.id = e.subject AND r.workspace_id = %(workspace)s AND r.agent_id = %(agent)s OFFSET 0)
 OR EXISTS (SELECT FROM agents_run AS u
             WHERE u.id = e.subject AND u.workspace_id = %(workspace)s AND u.agent_id = %(agent)s OFFSET 0))
"""
_ACTION: Final = """
(EXISTS (SELECT FROM approvals_request AS r
          WHERE r.id = e.subject AND r.workspace_id = %(workspace)s AND r.action = %(action)s OFFSET 0)
 OR (e.kind = 'action.recorded' AND position(%(action_member)s IN e.body) > 0))
"""
# A stage that is in the log was opened before some event of its request that has a place.
_ROLE: Final = """
EXISTS (SELECT FROM approvals_stage AS s
         WHERE s.request_id = e.subject AND s.workspace_id = %(workspace)s
           AND (SELECT id FROM people_role
                 WHERE workspace_id = %(workspace)s AND name = %(role)s) = ANY(s.roles)
           AND EXISTS (SELECT FROM audit_event AS o JOIN audit_leaf AS ol ON ol.event_id = o.id
                        WHERE o.subject = e.subject AND o.at >= s.opened_at
                          AND ol.position < %(size)s OFFSET 0) OFFSET 0)
"""
_ENDED: Final = """
EXISTS (SELECT FROM audit_event AS o JOIN audit_leaf AS ol ON ol.event_id = o.id
         WHERE o.subject = e.subject AND o.workspace_id = %(workspace)s
           AND o.kind = ANY(%(outcome_kinds)s::text[]) AND ol.position < %(size)s OFFSET 0)
"""
_IS_REQUEST: Final = """
EXISTS (SELECT FROM approvals_request AS r
         WHERE r.id = e.subject AND r.workspace_id = %(workspace)s OFFSET 0)
"""


def conditions(
    *,
    agent: str | None,
    agent_id: UUID | None,
    action: str | None,
    role: str | None,
    outcome: str | None,
) -> tuple[list[str], dict[str, Any]]:
    """Conditions on ``e``, an event, and their values; None is no condition.

    The statement also has the values ``workspace`` and ``size``, the length of the log that is asked about.

    Args:
        agent: the agent's id as it stands in events; `agent_id` is the same.  What it did, what was done
            to it, its requests and its runs.
        action: requests of this action, and its records.
        role: requests that this role, by its name, was asked about.
        outcome: one of `OUTCOMES`, or `PENDING`.
    """
    found: list[str] = []
    values: dict[str, Any] = {}
    if agent_id is not None:
        beginning = b'{"actor":{"id":"%b",' % (agent or "").encode()
        found.append(_AGENT)
        values |= {
            "agent": agent_id,
            "agent_beginning": beginning,
            "agent_length": len(beginning),
        }
    if action is not None:
        found.append(_ACTION)
        values |= {"action": action, "action_member": b'"action":%b' % canonical(action)}
    if role is not None:
        found.append(_ROLE)
        values["role"] = role
    if outcome is not None:
        ended = _ENDED if outcome != PENDING else f"({_IS_REQUEST} AND NOT {_ENDED})"
        kinds = OUTCOMES if outcome == PENDING else (outcome,)
        found.append(ended)
        values["outcome_kinds"] = [f"request.{each}" for each in kinds]
    return found, values
