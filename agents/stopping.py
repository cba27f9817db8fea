"""Suspending many agents at once, and giving them back: the kill switch's part in agents and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection

from audit.actor import Actor
from audit.kinds import AgentStateChanged
from audit.log import INSERT_EVENTS, Fact, event_rows

Scope = Literal["agent", "owner", "workspace"]

_WHICH: Final = {
    "agent": "agent.id = %(target)s",
    "owner": "agent.owner_id = %(target)s",
    "workspace": "%(target)s = agent.workspace_id",
}
_AGENTS: Final = """
SELECT agent.id, agent.name, agent.state FROM agents_agent agent
 WHERE agent.workspace_id = %(workspace)s AND agent.state <> 'retired' AND {which}
 ORDER BY agent.id
"""
#: The strongest lock: whoever submits, decides or consumes for one of them ends first, or waits.
_LOCK: Final = f"{_AGENTS} FOR UPDATE"
_SET: Final = f"""
WITH changed AS (
    UPDATE agents_agent SET state = %(after)s WHERE id = ANY(%(ids)s) AND state = %(before)s
),
{INSERT_EVENTS}
SELECT clock_timestamp()
"""
_KEYS: Final = "SELECT id FROM agents_key WHERE agent_id = ANY(%(ids)s) AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True)
class Named:
    """An agent that a kill switch speaks of."""

    id: UUID
    name: str
    state: str


def find(
    conn: Connection[Any], workspace: UUID, scope: Scope, target: UUID, *, lock: bool
) -> list[Named]:
    """The agents in scope that are not retired, by id; locked until the transaction ends if asked."""
    statement = (_LOCK if lock else _AGENTS).format(which=_WHICH[scope])
    rows = conn.execute(statement, {"workspace": workspace, "target": target}).fetchall()
    return [Named(*row) for row in rows]


def suspend(
    conn: Connection[Any], workspace: UUID, agents: Sequence[Named], *, actor: Actor
) -> list[UUID]:
    """Suspend those of these locked agents that are active; which ones."""
    active = [agent.id for agent in agents if agent.state == "active"]
    _set(conn, workspace, active, "active", "suspended", actor)
    return active


def resume(conn: Connection[Any], workspace: UUID, ids: Sequence[UUID], *, actor: Actor) -> None:
    """Let locked, suspended agents act again."""
    _set(conn, workspace, list(ids), "suspended", "active", actor)


def keys_of(conn: Connection[Any], agents: Sequence[UUID]) -> list[UUID]:
    """The keys of these agents that still count."""
    return [row[0] for row in conn.execute(_KEYS, {"ids": list(agents)})]


def _set(
    conn: Connection[Any],
    workspace: UUID,
    ids: Sequence[UUID],
    before: str,
    after: str,
    actor: Actor,
) -> None:
    if not ids:
        return
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    changed = AgentStateChanged(before=before, after=after)
    facts = [Fact(workspace, actor, ("agt", one), changed) for one in ids]
    values = {"ids": list(ids), "before": before, "after": after}
    conn.execute(_SET, values | event_rows(facts, clock[0]))
