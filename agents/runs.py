"""Runs: one task of an agent, declared by it or opened for it by the person who starts it.

What an agent says about a run can only make a rule stricter (policy.md); who started it counts only
when proven: by a session, or by a key that was made to name people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.authentication import INITIATE, READ, SUBMIT, KeyContext, require_scope
from agents.models import Run
from agents.reports import RunDeclared
from audit.actor import Actor
from audit.kinds import RunEnded, RunStarted
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import ids, paging
from core.db import pool
from core.paging import Page
from core.problems import FieldError, Problem, conflict, forbidden, invalid, not_found
from people.sql import NAME_OF

#: How many runs may stand above one: what a rule reads of a run includes those that started it.
MAX_DEPTH: Final = 16

_COLUMNS: Final = f"""
    run.id, run.external_id, run.agent_id, agent.name, agent.state, run.agent_version,
    run.parent_id, run.initiator_id, {NAME_OF.format(person="run.initiator_id")}, run.state,
    run.created_at, run.ended_at,
    (SELECT json_build_array(count(*), sum(cost)::text, coalesce(sum(input_tokens), 0)
                             + coalesce(sum(output_tokens), 0))
       FROM agents_step step WHERE step.run_id = run.id)
"""
_READ: Final = f"""
SELECT {_COLUMNS} FROM agents_run run JOIN agents_agent agent ON agent.id = run.agent_id
"""

_ANCESTORS: Final = """
WITH RECURSIVE above AS (
    SELECT id, parent_id, 1 AS depth FROM agents_run
     WHERE id = %(parent)s AND workspace_id = %(workspace)s
    UNION ALL
    SELECT run.id, run.parent_id, above.depth + 1
      FROM above JOIN agents_run run ON run.id = above.parent_id
     WHERE above.depth <= %(most)s
)
SELECT count(*) FROM above
"""

_PERSON_BY_EMAIL: Final = """
SELECT p.id FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.workspace_id = %(workspace)s AND lower(u.email) = lower(%(email)s) AND p.active AND u.is_active
"""

_INSERT: Final = """
INSERT INTO agents_run (id, workspace_id, agent_id, key_id, external_id, parent_id, agent_version,
                        initiator_id, state, created_at)
VALUES (%(id)s, %(workspace)s, %(agent)s, %(key)s, %(external_id)s, %(parent)s, %(version)s,
        %(initiator)s, 'running', clock_timestamp())
ON CONFLICT (agent_id, external_id) DO NOTHING
RETURNING created_at
"""

_LOCK: Final = """
SELECT state FROM agents_run
 WHERE id = %(run)s AND agent_id = %(agent)s AND workspace_id = %(workspace)s
   FOR UPDATE
"""
_END: Final = f"""
WITH ended AS (UPDATE agents_run SET state = %(state)s, ended_at = %(at)s WHERE id = %(run)s),
{INSERT_EVENTS}
SELECT 1
"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run, with what its steps sum up to; in the order of `_COLUMNS`."""

    id: UUID
    external_id: str
    agent_id: UUID
    agent_name: str
    agent_state: str
    agent_version: str
    parent_id: UUID | None
    initiator_id: UUID | None
    initiator_name: str | None
    state: str
    created_at: datetime
    ended_at: datetime | None
    #: How many steps, their cost as a decimal text (none: nobody told one), their tokens.
    sums: Sequence[Any]


@dataclass(frozen=True, slots=True)
class _Opening:
    actor: Actor
    workspace_id: UUID
    agent_id: UUID
    key_id: UUID | None
    initiator_id: UUID | None


def declare(*, caller: KeyContext, declared: RunDeclared) -> tuple[RunRow, bool]:
    """Begin a run of the calling agent, or find the one of this external id; whether it is new.

    Raises:
        Problem: 403 for an agent that may not act, and for naming an initiator without the scope;
            409 ``run_taken`` where it was declared with another parent or initiator; 422 for a
            parent or initiator that is not there.
    """
    require_scope(caller, SUBMIT)
    if declared.agent is not None:
        raise _invalid("/agent", "not_for_agents", "An agent's runs are its own: leave it out.")
    if declared.initiator is not None:
        require_scope(caller, INITIATE)
    with pool().connection() as conn:
        initiator = _initiator(conn, caller.workspace_id, declared.initiator)
        actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
        opening = _Opening(actor, caller.workspace_id, caller.agent_id, caller.key_id, initiator)
        return _open(conn, opening, declared, active=caller.agent_state == "active")


def open_for(
    *, actor: Actor, workspace_id: UUID, person_id: UUID, declared: RunDeclared
) -> tuple[RunRow, bool]:
    """A signed-in person starts a run of an agent: they are its initiator, and decide on nothing of it.

    Raises:
        Problem: as `declare`; 422 for an agent that is not there.
    """
    if declared.initiator is not None:
        raise _invalid(
            "/initiator", "not_for_people", "You are the one who starts it: leave it out."
        )
    agent_id = _decoded("agt", declared.agent or "")
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT state FROM agents_agent WHERE id = %s AND workspace_id = %s",
            [agent_id, workspace_id],
        ).fetchone()
        if agent_id is None or found is None:
            raise _invalid("/agent", "unknown_agent", "This workspace has no such agent.")
        opening = _Opening(actor, workspace_id, agent_id, None, person_id)
        return _open(conn, opening, declared, active=found[0] == "active")


def _open(
    conn: Connection[Any], opening: _Opening, declared: RunDeclared, *, active: bool
) -> tuple[RunRow, bool]:
    with conn.transaction():
        row = _of_agent(conn, opening.agent_id, declared.external_id)
        if row is not None:
            return _same(row, opening, declared), False
        if not active:
            raise forbidden("This agent may not act: it begins no runs.", code="agent_suspended")
        parent = _parent(conn, opening.workspace_id, declared.parent)
        run_id = ids.uuid7()
        made = conn.execute(
            _INSERT,
            {
                "id": run_id,
                "workspace": opening.workspace_id,
                "agent": opening.agent_id,
                "key": opening.key_id,
                "external_id": declared.external_id,
                "parent": parent,
                "version": declared.agent_version,
                "initiator": opening.initiator_id,
            },
        ).fetchone()
        if made is not None:
            fact = _started(run_id, parent, opening, declared)
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], made[0]))
    row = _of_agent(conn, opening.agent_id, declared.external_id)
    assert row is not None  # noqa: S101  # inserted, or in the way of the insert
    return (row, True) if made is not None else (_same(row, opening, declared), False)


def _started(run_id: UUID, parent: UUID | None, opening: _Opening, declared: RunDeclared) -> Fact:
    initiator = opening.initiator_id
    return Fact(
        opening.workspace_id,
        opening.actor,
        ("run", run_id),
        RunStarted(
            agent=ids.encode("agt", opening.agent_id),
            parent=ids.encode("run", parent) if parent else None,
            initiator=ids.encode("per", initiator) if initiator else None,
        ),
        {
            "external_id": Commitment(declared.external_id.encode(), kept=False),
            "agent_version": Commitment(declared.agent_version.encode(), kept=False),
        },
    )


def _same(row: RunRow, opening: _Opening, declared: RunDeclared) -> RunRow:
    """The run that is there, if it is the one that was meant; its version stays the first one told.

    Who names no parent or initiator takes the run as it is: an agent finds what a person opened for it.
    """
    other_parent = declared.parent is not None and row.parent_id != _decoded("run", declared.parent)
    other_initiator = opening.initiator_id is not None and row.initiator_id != opening.initiator_id
    if other_parent or other_initiator:
        raise conflict(
            "run_taken",
            "This external id names a run with another parent or initiator: use another.",
        )
    return row


def end(*, caller: KeyContext, run_id: UUID, state: str) -> RunRow:
    """End a run; once more with the same state changes nothing.

    Raises:
        Problem: 404 not its own; 409 ``run_ended`` where it ended otherwise.
    """
    require_scope(caller, SUBMIT)
    with pool().connection() as conn:
        with conn.transaction():
            now = lock(conn, caller, run_id, may_have_ended=True)
            if now.state == Run.State.RUNNING:
                actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
                fact = Fact(caller.workspace_id, actor, ("run", run_id), RunEnded(state=state))
                rows = event_rows([fact], now.at)
                conn.execute(_END, {"run": run_id, "state": state, "at": now.at, **rows})
            elif now.state != state:
                raise ended(now.state)
        return _one(conn, run_id)


@dataclass(frozen=True, slots=True)
class Held:
    """A run that is locked, and the instant."""

    state: str
    at: datetime


def lock(
    conn: Connection[Any], caller: KeyContext, run_id: UUID, *, may_have_ended: bool = False
) -> Held:
    """Hold one of the agent's runs until this transaction ends.

    Raises:
        Problem: 404 not its own; 409 ``run_ended``.
    """
    values = {"run": run_id, "agent": caller.agent_id, "workspace": caller.workspace_id}
    held = conn.execute(_LOCK, values).fetchone()
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    if held is None or clock is None:
        raise not_found()
    if held[0] != Run.State.RUNNING and not may_have_ended:
        raise ended(held[0])
    return Held(held[0], clock[0])


def ended(state: str) -> Problem:
    """409 for a run that takes no more."""
    return conflict("run_ended", f"This run has ended: {state}.")


def for_agent(*, caller: KeyContext, run_id: UUID) -> RunRow:
    """One of the agent's own runs.

    Raises:
        Problem: 404 not its own.
    """
    require_scope(caller, READ)
    with pool().connection() as conn:
        row = _one(conn, run_id)
    if row.agent_id != caller.agent_id:
        raise not_found()
    return row


def find(run_id: UUID) -> RunRow:
    """A run, for who was found to be allowed to see it.

    Raises:
        Problem: 404.
    """
    with pool().connection() as conn:
        return _one(conn, run_id)


def list_for_agent(*, caller: KeyContext, cursor: str | None, limit: int) -> Page[RunRow]:
    """The agent's runs, newest first.

    Raises:
        Problem: 422 for a limit out of range or a foreign cursor.
    """
    require_scope(caller, READ)
    paging.check_limit(limit)
    place = paging.decode(cursor, "created", 2) if cursor is not None else None
    where, values = "run.agent_id = %(agent)s", {"agent": caller.agent_id, "limit": limit + 1}
    way = "ASC" if place is not None and place.backwards else "DESC"
    if place is not None:
        try:
            values |= {"at": datetime.fromisoformat(place.key[0]), "id": UUID(place.key[1])}
        except ValueError as error:
            raise paging.not_ours() from error
        sign = ">" if place.backwards else "<"
        where += f" AND (run.created_at, run.id) {sign} (%(at)s::timestamptz, %(id)s::uuid)"
    order = f"ORDER BY run.created_at {way}, run.id {way} LIMIT %(limit)s"
    with pool().connection() as conn:
        found = [RunRow(*one) for one in conn.execute(f"{_READ} WHERE {where} {order}", values)]
    keyed = [([one.created_at.isoformat(), str(one.id)], one) for one in found]
    return paging.page(keyed, limit, "created", place)


def _one(conn: Connection[Any], run_id: UUID) -> RunRow:
    found = conn.execute(f"{_READ} WHERE run.id = %(run)s", {"run": run_id}).fetchone()
    if found is None:
        raise not_found()
    return RunRow(*found)


def _of_agent(conn: Connection[Any], agent_id: UUID, external_id: str) -> RunRow | None:
    found = conn.execute(
        f"{_READ} WHERE run.agent_id = %(agent)s AND run.external_id = %(external_id)s",
        {"agent": agent_id, "external_id": external_id},
    ).fetchone()
    return None if found is None else RunRow(*found)


def _initiator(conn: Connection[Any], workspace_id: UUID, email: str | None) -> UUID | None:
    if email is None:
        return None
    found = conn.execute(_PERSON_BY_EMAIL, {"workspace": workspace_id, "email": email}).fetchone()
    if found is None:
        raise _invalid("/initiator", "unknown_person", "No active person here has this e-mail.")
    person: UUID = found[0]
    return person


def _parent(conn: Connection[Any], workspace_id: UUID, text: str | None) -> UUID | None:
    if text is None:
        return None
    parent = _decoded("run", text)
    values = {"parent": parent, "workspace": workspace_id, "most": MAX_DEPTH}
    above = conn.execute(_ANCESTORS, values).fetchone()
    if parent is None or above is None or above[0] == 0:
        raise _invalid("/parent", "unknown_run", "This workspace has no such run.")
    if above[0] >= MAX_DEPTH:
        raise _invalid("/parent", "too_deep", f"Runs are nested at most {MAX_DEPTH} deep.")
    return parent


def _decoded(prefix: str, text: str) -> UUID | None:
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        return None


def _invalid(pointer: str, code: str, detail: str) -> Problem:
    return invalid([FieldError(pointer, code, detail)])
