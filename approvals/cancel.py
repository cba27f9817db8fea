"""Withdrawing a pending request: by the agent that asked, or by the agent's owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from agents.authentication import KeyContext, require_scope
from approvals import read
from approvals.access import Reader
from approvals.ends import Ending, end_requests, inbox_of, waiters_of
from approvals.held import hold
from approvals.present import render
from approvals.row import Row
from approvals.status import Basis, Status
from audit.actor import Actor
from audit.log import Commitment
from core import failpoints
from core.db import pool
from core.nudge import nudger
from core.problems import FieldError, Problem, conflict, forbidden, invalid

MAX_REASON = 1_000


def cancel_by_agent(*, caller: KeyContext, request_id: UUID, reason: str = "") -> bytes:
    """Withdraw one of the agent's own pending requests; the request object as it then stands.

    Raises:
        Problem: 404 not its own; 409 it has ended; 422 the reason is too long.
    """
    require_scope(caller, "requests:submit")
    read.for_agent(caller=caller, request_id=request_id)
    actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
    row = _cancel(actor, caller.workspace_id, request_id, Basis.AGENT, reason)
    return render(row, for_person=False)


def cancel_by_owner(*, actor: Actor, reader: Reader, request_id: UUID, reason: str = "") -> bytes:
    """Withdraw a pending request of an agent one owns; the request object as it then stands.

    Raises:
        Problem: 404 nothing to see; 403 not the owner; 409 it has ended; 422 the reason is too long.
    """
    seen = read.for_person(reader=reader, request_id=request_id)
    if seen.owner_id != reader.person_id:
        raise forbidden("Only the agent's owner withdraws its requests.", code="not_the_owner")
    row = _cancel(actor, reader.workspace_id, request_id, Basis.OWNER, reason)
    return render(row, for_person=True)


def _cancel(actor: Actor, workspace: UUID, request_id: UUID, basis: Basis, reason: str) -> Row:
    if len(reason) > MAX_REASON:
        raise invalid([FieldError("/reason", "too_long", f"At most {MAX_REASON} characters.")])
    with pool().connection() as conn:
        with conn.transaction():
            refusal = _end(conn, actor, workspace, request_id, basis, reason)
        row = read.rows(conn, [request_id])[0]
    if refusal is not None:
        refusal.extra["request"] = read.as_value(render(row, for_person=basis is Basis.OWNER))
        raise refusal
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(workspace))
    return row


def _end(
    conn: Connection[Any],
    actor: Actor,
    workspace: UUID,
    request_id: UUID,
    basis: Basis,
    reason: str,
) -> Problem | None:
    held = hold(conn, workspace, request_id)
    if held.status is not Status.PENDING:
        return conflict(
            "request_ended",
            f"This request has ended: {held.status.value}. There is nothing to withdraw.",
        )
    end_requests(
        conn,
        [Ending(request_id, workspace, held.revision, held.expires_at, None)],
        actor=actor,
        outcome=Status.CANCELLED,
        basis=basis,
        at=held.now,
        commits={"reason": Commitment(reason.encode())} if reason else None,
    )
    return None
