"""The kill switch: an agent, an owner's agents, or a whole workspace stops, in one transaction.

Pending requests are cancelled, unused permits are revoked, and the agents are suspended: their keys
open nothing any more but what tells them to stop (runs and steps, ``/me``, reads and waits).  What a
tool had begun is not undone, and is said.  Undoing gives the agents back; ended stays ended.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from psycopg import Connection

from agents import stopping as agents
from agents.services import topic
from agents.stopping import Named, Scope
from approvals import stopping
from approvals.ends import inbox_of, waiters_of
from approvals.stopping import Ran
from audit.actor import Actor
from audit.kinds import KillSwitchDrilled, KillSwitchPressed, KillSwitchUndone
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows, rfc3339
from core import failpoints, ids
from core.db import pool
from core.nudge import nudger
from core.problems import FieldError, conflict, invalid, not_found

Mode = Literal["press", "dry_run", "drill"]
MAX_REASON: Final = 1_000
PREFIX: Final = {"agent": "agt", "owner": "per", "workspace": "wsp"}

_INSERT: Final = f"""
WITH pressed AS (
    INSERT INTO oversight_kill (
        id, workspace_id, scope, target_id, person_id, reason, at, suspended, cancelled, revoked, had_run)
    VALUES (
        %(id)s, %(workspace)s, %(scope)s, %(target)s, %(person)s, %(reason)s, %(at)s, %(suspended)s,
        %(cancelled)s, %(revoked)s, %(had_run)s)
),
{INSERT_EVENTS}
SELECT 1
"""
_COLUMNS: Final = """
    id, scope, target_id, person_id, reason, at, suspended, cancelled, revoked, had_run, undone_at
"""
_ONE: Final = f"""
SELECT {_COLUMNS} FROM oversight_kill WHERE id = %(id)s AND workspace_id = %(workspace)s
"""
_NEWEST: Final = f"""
SELECT {_COLUMNS} FROM oversight_kill WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT %(most)s
"""
#: Those of a use's agents that no other use, not undone, stopped as well.
_TO_RESUME: Final = """
SELECT agent.id FROM agents_agent agent
 WHERE agent.id = ANY(%(ids)s) AND agent.state = 'suspended' ORDER BY agent.id FOR UPDATE
"""
_OTHERS: Final = """
SELECT DISTINCT unnest(other.suspended) FROM oversight_kill other
 WHERE other.workspace_id = %(workspace)s AND other.id IS DISTINCT FROM %(id)s
   AND other.undone_at IS NULL AND other.suspended && %(ids)s::uuid[]
"""
_UNDO: Final = f"""
WITH undone AS (
    UPDATE oversight_kill SET undone_at = %(at)s, undone_by_id = %(person)s WHERE id = %(id)s
),
{INSERT_EVENTS}
SELECT 1
"""


class RanShown(msgspec.Struct, frozen=True):
    """An action that a tool had begun before the switch was pressed."""

    request: str
    action: str
    at: str
    result: str | None


class AgentStopped(msgspec.Struct, frozen=True):
    """An agent in the scope of a kill switch."""

    id: str
    name: str
    state: str


class KillShown(msgspec.Struct, frozen=True, kw_only=True):
    """A use of the kill switch, or what one would come to (``id`` is null then)."""

    id: str | None
    mode: str
    scope: str
    target: str
    agents: list[AgentStopped]
    cancelled: int
    revoked: int
    had_run: list[RanShown]
    had_run_count: int
    reason: str
    at: str | None
    milliseconds: int | None
    undone_at: str | None = None
    #: The person who pressed it; null for an operator at the machine, and where nobody pressed.
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Who shall stop, and why."""

    workspace: UUID
    scope: Scope
    target: UUID
    reason: str
    #: The person who presses it; none for an operator at the machine.
    person: UUID | None = None


def run(*, actor: Actor, order: Order, mode: Mode = "press") -> KillShown:
    """Press the switch, look what it would do (``dry_run``), or do it and roll it back (``drill``).

    Raises:
        Problem: 422 a reason is missing or too long; 404 no such agent or owner's agents.
    """
    if mode == "press" and not order.reason.strip():
        raise invalid([FieldError("/reason", "missing", "Say why: it stands in the log.")])
    if len(order.reason) > MAX_REASON:
        raise invalid([FieldError("/reason", "too_long", f"At most {MAX_REASON} characters.")])
    match mode:
        case "dry_run":
            return _look(order)
        case "drill":
            return _drill(actor, order)
        case "press":
            return _press(actor, order)


def _look(order: Order) -> KillShown:
    with pool().connection() as conn:
        named = _named(conn, order, lock=False)
        seen = stopping.look(conn, [agent.id for agent in named])
    return KillShown(
        id=None,
        mode="dry_run",
        scope=order.scope,
        target=ids.encode(PREFIX[order.scope], order.target),
        agents=_agents(named),
        cancelled=seen.pending,
        revoked=seen.permits,
        had_run=_ran(seen.had_run),
        had_run_count=seen.had_run_count,
        reason=order.reason,
        at=None,
        milliseconds=None,
    )


def _press(actor: Actor, order: Order) -> KillShown:
    began = time.monotonic()
    with pool().connection() as conn:
        with conn.transaction():
            done, wake = _stop(conn, actor, order)
        shown = msgspec.structs.replace(done, milliseconds=_since(began))
        failpoints.hit("after_commit_before_nudge")
        nudger.wake(*wake)
    return shown


def _drill(actor: Actor, order: Order) -> KillShown:
    began = time.monotonic()
    with pool().connection() as conn:
        with conn.transaction(force_rollback=True):
            done, _ = _stop(conn, actor, order)
            took = _since(began)
        shown = msgspec.structs.replace(done, id=None, mode="drill", milliseconds=took)
        data = KillSwitchDrilled(
            scope=order.scope,
            target=shown.target,
            agents=len(shown.agents),
            cancelled=shown.cancelled,
            revoked=shown.revoked,
            milliseconds=took,
        )
        fact = Fact(order.workspace, actor, ("wsp", order.workspace), data)
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], _clock(conn)))
    return shown


def _stop(conn: Connection[Any], actor: Actor, order: Order) -> tuple[KillShown, list[str]]:
    """Stop everything, in the caller's transaction; what was done, and who is to be woken."""
    named = _named(conn, order, lock=True)
    everybody = [agent.id for agent in named]
    suspended = agents.suspend(conn, order.workspace, named, actor=actor)
    # An agent that another use holds is held by this one as well: each has to be undone.
    suspended += sorted(_of_others(conn, order.workspace, None, everybody))
    stopped = stopping.stop(conn, everybody, actor=actor)
    at, kill = _clock(conn), ids.uuid7()
    pressed = KillSwitchPressed(
        scope=order.scope,
        target=ids.encode(PREFIX[order.scope], order.target),
        agents=[ids.encode("agt", one) for one in suspended],
        cancelled=len(stopped.cancelled),
        revoked=len(stopped.revoked),
    )
    commits = {"reason": Commitment(order.reason.encode())}
    fact = Fact(order.workspace, actor, ("kil", kill), pressed, commits)
    ran = _ran(stopped.had_run)
    failpoints.hit("kill_before_last_statement")
    conn.execute(
        _INSERT,
        {
            "id": kill,
            "workspace": order.workspace,
            "scope": order.scope,
            "target": order.target,
            "person": order.person,
            "reason": order.reason,
            "at": at,
            "suspended": suspended,
            "cancelled": len(stopped.cancelled),
            "revoked": len(stopped.revoked),
            "had_run": msgspec.json.encode({"count": stopped.had_run_count, "listed": ran}),
            **event_rows([fact], at),
        },
    )
    wake = [waiters_of(one) for one in (*stopped.cancelled, *stopped.revoked)]
    wake += [topic(key) for key in agents.keys_of(conn, everybody)]
    shown = KillShown(
        id=ids.encode("kil", kill),
        mode="press",
        scope=order.scope,
        target=pressed.target,
        agents=_agents(named, "suspended"),
        cancelled=len(stopped.cancelled),
        revoked=len(stopped.revoked),
        had_run=ran,
        had_run_count=stopped.had_run_count,
        reason=order.reason,
        at=rfc3339(at),
        milliseconds=None,
        by=_by(order.person),
    )
    return shown, [*wake, inbox_of(order.workspace)]


def undo(*, actor: Actor, workspace: UUID, kill_id: UUID, person: UUID | None = None) -> KillShown:
    """Let the agents act again that a use of the switch suspended; what it ended stays ended.

    An agent that a later use stopped as well stays suspended until that one is undone, too.

    Raises:
        Problem: 404; 409 ``kill_undone``.
    """
    values: dict[str, Any] = {"id": kill_id, "workspace": workspace}
    with pool().connection() as conn:
        with conn.transaction():
            row = conn.execute(f"{_ONE} FOR UPDATE", values).fetchone()
            if row is None:
                raise not_found()
            if row[10] is not None:
                raise conflict("kill_undone", "It was undone before.")
            held = [one[0] for one in conn.execute(_TO_RESUME, {"ids": row[6]}).fetchall()]
            others = _of_others(conn, workspace, kill_id, held)
            back = [agent for agent in held if agent not in others]
            agents.resume(conn, workspace, back, actor=actor)
            at = _clock(conn)
            undone = KillSwitchUndone(
                kill=ids.encode("kil", kill_id), agents=[ids.encode("agt", one) for one in back]
            )
            fact = Fact(workspace, actor, ("kil", kill_id), undone)
            conn.execute(
                _UNDO, {"id": kill_id, "at": at, "person": person} | event_rows([fact], at)
            )
        shown = one(workspace=workspace, kill_id=kill_id, conn=conn)
        nudger.wake(inbox_of(workspace), *map(topic, agents.keys_of(conn, held)))
    return shown


def _of_others(
    conn: Connection[Any], workspace: UUID, kill_id: UUID | None, held: Sequence[UUID]
) -> set[UUID]:
    """Those of these agents that another use holds, which was not undone."""
    values = {"workspace": workspace, "id": kill_id, "ids": list(held)}
    return {row[0] for row in conn.execute(_OTHERS, values)} & set(held)


def one(*, workspace: UUID, kill_id: UUID, conn: Connection[Any] | None = None) -> KillShown:
    """One use of the switch.

    Raises:
        Problem: 404.
    """
    if conn is None:
        with pool().connection() as own:
            return one(workspace=workspace, kill_id=kill_id, conn=own)
    row = conn.execute(_ONE, {"id": kill_id, "workspace": workspace}).fetchone()
    if row is None:
        raise not_found()
    return _shown(row, _everybody(conn, workspace))


def newest(*, workspace: UUID, most: int = 50) -> list[KillShown]:
    """The latest uses of the switch, the newest first."""
    with pool().connection() as conn:
        rows = conn.execute(_NEWEST, {"workspace": workspace, "most": most}).fetchall()
        named = _everybody(conn, workspace) if rows else {}
    return [_shown(row, named) for row in rows]


def _everybody(conn: Connection[Any], workspace: UUID) -> dict[UUID, Named]:
    found = agents.find(conn, workspace, "workspace", workspace, lock=False)
    return {agent.id: agent for agent in found}


def _shown(row: Sequence[Any], named: Mapping[UUID, Named]) -> KillShown:
    ran = msgspec.json.decode(row[9])
    return KillShown(
        id=ids.encode("kil", row[0]),
        mode="press",
        scope=row[1],
        target=ids.encode(PREFIX[row[1]], row[2]),
        agents=_agents([named[one] for one in row[6] if one in named]),
        cancelled=row[7],
        revoked=row[8],
        had_run=msgspec.convert(ran["listed"], list[RanShown]),
        had_run_count=ran["count"],
        reason=row[4],
        at=rfc3339(row[5]),
        milliseconds=None,
        undone_at=None if row[10] is None else rfc3339(row[10]),
        by=_by(row[3]),
    )


def _named(conn: Connection[Any], order: Order, *, lock: bool) -> list[Named]:
    named = agents.find(conn, order.workspace, order.scope, order.target, lock=lock)
    if not named:
        raise not_found()
    return named


def _by(person: UUID | None) -> str | None:
    return None if person is None else ids.encode("per", person)


def _agents(named: Sequence[Named], state: str | None = None) -> list[AgentStopped]:
    return [AgentStopped(ids.encode("agt", one.id), one.name, state or one.state) for one in named]


def _ran(ran: Sequence[Ran]) -> list[RanShown]:
    return [
        RanShown(ids.encode("req", one.request), one.action, rfc3339(one.at), one.result)
        for one in ran
    ]


def _clock(conn: Connection[Any]) -> datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM always answers
    at: datetime = row[0]
    return at


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
