"""What agents and keys there are, as people who look after them see it.  No secret is in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from agents.models import Agent, Key
from core import paging
from core.db import pool
from core.paging import Cursor, Page
from core.problems import bad_query
from people.sql import PERSON_NAME

#: How many versions of an agent are told, those that were seen last.
MOST_VERSIONS: Final = 20
#: How many an agent may have before older names among them are not looked for any more.
MOST_LOOKED_AT: Final = 1_000

#: Whether key ``k`` opens anything at this moment.
_COUNTS: Final = (
    "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())"
)
_AGENTS: Final = f"""
SELECT a.id, a.name, a.owner_id, {PERSON_NAME.format(user="u")}, o.active AND u.is_active, a.state,
       a.created_at,
       (SELECT max(k.last_used_at) FROM agents_key k WHERE k.agent_id = a.id),
       (SELECT count(*) FROM agents_key k WHERE k.agent_id = a.id AND {_COUNTS}),
       coalesce((SELECT run.agent_version FROM agents_run run WHERE run.agent_id = a.id
                  ORDER BY run.created_at DESC, run.id DESC LIMIT 1), '')
  FROM agents_agent a
  JOIN people_person o ON o.id = a.owner_id
  JOIN people_user u ON u.id = o.user_id
 WHERE a.workspace_id = %(workspace)s
   AND (%(owner)s::uuid IS NULL OR a.owner_id = %(owner)s)
"""
_KEYS: Final = f"""
SELECT k.id, k.kind, k.agent_id, agent.name, agent.owner_id, k.name, k.actions, k.scopes,
       k.rate_limit, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.replaces_id,
       (SELECT later.id FROM agents_key later WHERE later.replaces_id = k.id),
       CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN {_COUNTS} THEN 'active' ELSE 'expired' END
  FROM agents_key k
  LEFT JOIN agents_agent agent ON agent.id = k.agent_id
 WHERE k.workspace_id = %(workspace)s
"""
#: From one version's name to the next, by the index `run_of_version`: an agent may have a million runs.
_VERSIONS: Final = """
WITH RECURSIVE seen AS (
    (SELECT run.agent_version AS version, 1 AS number FROM agents_run run
      WHERE run.agent_id = %(agent)s AND run.agent_version > '' ORDER BY run.agent_version LIMIT 1)
    UNION ALL
    SELECT (SELECT run.agent_version FROM agents_run run
             WHERE run.agent_id = %(agent)s AND run.agent_version > seen.version
             ORDER BY run.agent_version LIMIT 1), seen.number + 1
      FROM seen WHERE seen.version IS NOT NULL AND seen.number < %(looked)s
)
SELECT seen.version,
       (SELECT min(run.created_at) FROM agents_run run
         WHERE run.agent_id = %(agent)s AND run.agent_version = seen.version),
       (SELECT max(run.created_at) FROM agents_run run
         WHERE run.agent_id = %(agent)s AND run.agent_version = seen.version) AS newest
  FROM seen WHERE seen.version IS NOT NULL
 ORDER BY newest DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent: who answers for it, and what was seen of it."""

    id: UUID
    name: str
    owner_id: UUID
    owner_name: str
    #: Whether the owner may act at all: an agent whose owner left needs another.
    owner_active: bool
    state: str
    created_at: datetime
    #: When one of its keys was used last, to the minute.
    last_seen_at: datetime | None
    #: How many of its keys open something now.
    keys: int
    #: What its newest run calls it; empty where that says nothing.
    version: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version that runs of an agent were declared under."""

    name: str
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key of an agent, a tool or an auditor."""

    id: UUID
    kind: str
    agent_id: UUID | None
    agent_name: str | None
    owner_id: UUID | None
    name: str
    actions: Sequence[str]
    scopes: Sequence[str]
    rate_limit: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    replaces_id: UUID | None
    replaced_by_id: UUID | None
    #: ``active``, ``expired`` or ``revoked``, by the database's clock.
    state: str


def agents(
    *,
    workspace: UUID,
    owner: UUID | None,
    search: str = "",
    state: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page[AgentRow]:
    """The agents of a workspace, by name.

    Args:
        owner: only those that this person answers for.
        search: only those with this text in their name, in any case.
        state: only those in it.

    Raises:
        Problem: 422 for a state there is not, a limit out of range or a foreign cursor.
    """
    paging.check_limit(limit)
    if state is not None and state not in Agent.State.values:
        raise bad_query("state", f"One of {', '.join(Agent.State.values)}.")
    place = paging.decode(cursor, "name", 2) if cursor is not None else None
    values: dict[str, Any] = {"workspace": workspace, "owner": owner, "limit": limit + 1}
    statement = _AGENTS
    if search:
        if "\0" in search:  # no name has one, and the database takes none
            return Page([], None, None)
        statement += " AND position(lower(%(search)s) IN lower(a.name)) > 0"
        values["search"] = search
    if state is not None:
        statement += " AND a.state = %(state)s"
        values["state"] = state
    if place is not None:
        values |= {"name": paging.text_of(place.key[0]), "id": paging.uuid_of(place.key[1])}
        statement += f" AND (a.name, a.id) {_sign(place)} (%(name)s, %(id)s)"
    way = "DESC" if place is not None and place.backwards else "ASC"
    statement += f" ORDER BY a.name {way}, a.id {way} LIMIT %(limit)s"
    with pool().connection() as conn:
        found = [AgentRow(*row) for row in conn.execute(statement, values)]
    return paging.page([([one.name, str(one.id)], one) for one in found], limit, "name", place)


def agent(*, workspace: UUID, owner: UUID | None, agent: UUID) -> AgentRow | None:
    """One agent; none where the workspace, or this owner, has no such one."""
    values = {"workspace": workspace, "owner": owner, "agent": agent}
    with pool().connection() as conn:
        row = conn.execute(f"{_AGENTS} AND a.id = %(agent)s", values).fetchone()
    return None if row is None else AgentRow(*row)


def versions(agent: UUID) -> list[Version]:
    """The versions of an agent that were seen last, the newest first."""
    values = {"agent": agent, "most": MOST_VERSIONS, "looked": MOST_LOOKED_AT}
    with pool().connection() as conn:
        return [Version(*row) for row in conn.execute(_VERSIONS, values)]


def keys(
    *,
    workspace: UUID,
    agent: UUID | None,
    kind: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page[KeyRow]:
    """The keys of an agent, or (None) those of tools and auditors; the newest first.

    Args:
        kind: of tools and auditors only ``tool`` or ``aud``.

    Raises:
        Problem: 422 for a kind there is not, a limit out of range or a foreign cursor.
    """
    paging.check_limit(limit)
    if kind is not None and kind not in (Key.Kind.TOOL, Key.Kind.AUDITOR):
        raise bad_query("kind", "One of tool, aud.")
    place = paging.decode(cursor, "newest", 1) if cursor is not None else None
    values: dict[str, Any] = {"workspace": workspace, "agent": agent, "limit": limit + 1}
    statement = _KEYS + (
        " AND k.agent_id IS NULL" if agent is None else " AND k.agent_id = %(agent)s"
    )
    if kind is not None:
        statement += " AND k.kind = %(kind)s"
        values["kind"] = kind
    if place is not None:
        values["id"] = paging.uuid_of(place.key[0])
        statement += f" AND k.id {'>' if place.backwards else '<'} %(id)s"
    way = "ASC" if place is not None and place.backwards else "DESC"
    with pool().connection() as conn:
        rows = conn.execute(f"{statement} ORDER BY k.id {way} LIMIT %(limit)s", values)
        found = [KeyRow(*row) for row in rows]
    return paging.page([([str(one.id)], one) for one in found], limit, "newest", place)


def key(*, workspace: UUID, key: UUID) -> KeyRow | None:
    """One key of any kind; none where the workspace has no such one."""
    with pool().connection() as conn:
        values = {"workspace": workspace, "key": key}
        row = conn.execute(f"{_KEYS} AND k.id = %(key)s", values).fetchone()
    return None if row is None else KeyRow(*row)


def _sign(place: Cursor) -> str:
    return "<" if place.backwards else ">"
