"""What each of some agents asked lately, and how it ended: for who looks after agents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from approvals.access import MAY_SEE, Reader
from approvals.run_access import MAY_SEE_RUN
from core.db import pool

#: Over how many days requests are counted.
DAYS: Final = 30
#: The newest requests and runs that are looked through for those that a reader may see.
NEWEST: Final = 200

_COUNTS: Final = f"""
SELECT r.agent_id, count(*), count(*) FILTER (WHERE r.status = 'approved'),
       count(*) FILTER (WHERE r.status = 'rejected'),
       count(*) FILTER (WHERE r.revision > 1 AND EXISTS (
           SELECT 1 FROM approvals_decision d WHERE d.request_id = r.id AND d.verdict = 'edit'))
  FROM approvals_request r
 WHERE r.agent_id = ANY(%(agents)s) AND r.created_at > clock_timestamp() - interval '{DAYS} days'
 GROUP BY r.agent_id
"""
_WAITING: Final = """
SELECT r.agent_id, count(*) FROM approvals_request r
 WHERE r.agent_id = ANY(%(agents)s) AND r.status = 'pending' GROUP BY r.agent_id
"""
_REQUESTS: Final = f"""
SELECT r.id, r.title, r.action, r.status, r.created_at
  FROM (SELECT * FROM approvals_request newest
         WHERE newest.workspace_id = %(workspace)s AND newest.agent_id = %(agent)s
         ORDER BY newest.created_at DESC, newest.id DESC LIMIT %(newest)s) AS r
  JOIN agents_agent agent ON agent.id = r.agent_id
 WHERE {MAY_SEE}
 ORDER BY r.created_at DESC, r.id DESC LIMIT %(most)s
"""
_RUNS: Final = f"""
SELECT run.id, run.external_id, run.agent_version, run.state, run.created_at
  FROM (SELECT * FROM agents_run newest
         WHERE newest.workspace_id = %(workspace)s AND newest.agent_id = %(agent)s
         ORDER BY newest.created_at DESC, newest.id DESC LIMIT %(newest)s) AS run
  JOIN agents_agent agent ON agent.id = run.agent_id
 WHERE {MAY_SEE_RUN}
 ORDER BY run.created_at DESC, run.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests of one agent: those of the last `DAYS` days, and those that wait now."""

    asked: int
    approved: int
    rejected: int
    #: Those that a person changed.
    edited: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request of an agent."""

    id: UUID
    title: str
    action: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run of an agent."""

    id: UUID
    external_id: str
    version: str
    state: str
    created_at: datetime


def counts(agents: Iterable[UUID]) -> dict[UUID, Asked]:
    """What each of these agents asked."""
    values = {"agents": list(agents)}
    if not values["agents"]:
        return {}
    lately: dict[UUID, tuple[int, int, int, int]]
    with pool().connection() as conn:
        lately = {row[0]: row[1:] for row in conn.execute(_COUNTS, values)}
        waiting = dict(conn.execute(_WAITING, values).fetchall())
    return {
        one: Asked(*lately.get(one, (0, 0, 0, 0)), waiting.get(one, 0)) for one in values["agents"]
    }


def newest_requests(*, reader: Reader, agent: UUID, most: int) -> list[RequestLine]:
    """Those of its newest requests that a person may see."""
    values = {**reader.values(), "agent": agent, "newest": NEWEST, "most": most}
    with pool().connection() as conn:
        return [RequestLine(*row) for row in conn.execute(_REQUESTS, values)]


def newest_runs(*, reader: Reader, agent: UUID, most: int) -> list[RunLine]:
    """Those of its newest runs that a person may see."""
    values = {**reader.values(), "agent": agent, "newest": NEWEST, "most": most}
    with pool().connection() as conn:
        return [RunLine(*row) for row in conn.execute(_RUNS, values)]
