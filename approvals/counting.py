"""What rules count: what an agent did earlier, read under a lock that makes its submits take turns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from agents.sql import LOCK_FOR_COUNTING
from core import durations
from core.canonical import canonical
from policies import pointers
from policies.compiled import Compiled
from policies.counters import Counter

#: The agent's other requests of an action that were not refused, asked or changed within a window.
_EARLIER = """
  FROM approvals_request r
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.agent_id = %(agent)s AND r.action = %(action)s AND r.status <> 'rejected'
   AND r.kind = 'request' AND r.id IS DISTINCT FROM %(except)s
   AND (r.created_at > clock_timestamp() - %(window)s::interval
        OR (r.revision > 1 AND v.created_at > clock_timestamp() - %(window)s::interval))
"""
_AT_POINTER = "convert_from(v.payload, 'UTF8')::jsonb #> %(path)s"


def counts(policy: Compiled, action: str, payload: Any, *, in_run: bool) -> bool:
    """Whether a rule that may match reads what the agent did before, so that submits must take turns."""
    return (in_run and policy.asks_run(action)) or bool(policy.counters_for(action, payload))


def lock_for_counting(conn: Connection[Any], agent_id: UUID) -> None:
    """Make submits of one agent take turns until this transaction ends."""
    conn.execute(LOCK_FOR_COUNTING, {"agent": agent_id})


def count(
    conn: Connection[Any], agent_id: UUID, counter: Counter, payload: Any, revises: UUID | None
) -> float | None:
    """What a counter comes to; None where what it reads of earlier payloads was erased."""
    from_where, values = _EARLIER, _window(counter, agent_id) | {"except": revises}
    if counter.by is not None:
        steps = pointers.parse(counter.by)
        wanted = pointers.follow(payload, steps)  # counters_for leaves out what is not there
        from_where += (
            " AND (r.erased_at IS NOT NULL"
            " OR convert_from(v.payload, 'UTF8')::jsonb #> %(by)s = %(wanted)s::jsonb)"
        )
        values |= {"by": list(steps), "wanted": canonical(wanted).decode()}
    if counter.kind == "count":
        columns = "count(*)"
    else:
        values["path"] = list(pointers.parse(counter.pointer or ""))
        columns = (
            f"coalesce(sum(CASE WHEN jsonb_typeof({_AT_POINTER}) = 'number' "
            f"THEN ({_AT_POINTER})::text::numeric ELSE 0 END), 0)"
        )
    erased = "count(*) FILTER (WHERE r.erased_at IS NOT NULL)"
    row = conn.execute(f"SELECT {columns}, {erased} {from_where}", values).fetchone()
    assert row is not None  # noqa: S101  # an aggregate always answers
    if row[1] and (counter.by is not None or counter.kind == "sum"):
        return None
    return float(row[0])


def _window(counter: Counter, agent_id: UUID) -> dict[str, Any]:
    window = durations.scaled(timedelta(seconds=counter.window_s))
    return {"agent": agent_id, "action": counter.action, "window": window}
