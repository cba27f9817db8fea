"""Taking an approval back ("Undo"), as long as no tool has used its permit.

By somebody who gave it, by the agent's owner, or by an administrator; the kill switch does it to many
at once.  The request stays approved, since ends are final: its permit is what is revoked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.sql import LOCK_FOR_DECIDING
from approvals import read
from approvals.access import Reader
from approvals.ends import Ending, inbox_of, waiters_of
from approvals.held import Held, hold
from approvals.present import render
from approvals.quorum import AGREEING
from approvals.row import Row
from approvals.status import Kind, PermitState, Status, Verdict
from audit.actor import Actor
from audit.kinds import RequestRevoked
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from callbacks.sql import CALLED, DELIVER, INSERT_CALLBACKS
from core import failpoints
from core.db import nudge_later, pool
from core.due import WITHDRAW_DUE
from core.nudge import nudger
from core.problems import FieldError, Problem, conflict, forbidden, invalid

MAX_REASON: Final = 1_000

_LOCK_AGENT: Final = LOCK_FOR_DECIDING.format(
    agent="(SELECT agent_id FROM approvals_request WHERE id = %(request)s AND workspace_id = %(workspace)s)"
)
_RESULT: Final = "SELECT 1 FROM approvals_result WHERE request_id = %(request)s"
# Asked the other way round, the index of what can be stopped would be read whole for every id.
REVOKE: Final = f"""
WITH taken AS (
    UPDATE approvals_request r SET permit_state = 'revoked', sequence = sequence + 1
     WHERE r.id = ANY(%(ids)s) AND r.permit_state NOT IN ('consumed', 'revoked', 'lapsed')
    RETURNING r.id, r.workspace_id, r.agent_id, r.callback_url, r.callback_endpoint_id
),
dead AS (
    UPDATE approvals_permit p SET revoked_at = %(at)s
     WHERE p.request_id = ANY(%(ids)s) AND p.consumed_at IS NULL AND p.revoked_at IS NULL
),
{WITHDRAW_DUE},
{INSERT_CALLBACKS.format(source="taken")},
{INSERT_EVENTS}
SELECT count(*), {CALLED} FROM taken
"""


class NotRevocable(RuntimeError):
    """An approval was to be revoked whose permit was not open: its row was not locked and looked at."""


def revoke(*, actor: Actor, reader: Reader, request_id: UUID, reason: str = "") -> bytes:
    """Take an approval back; the request object as it then stands.

    Raises:
        Problem: 404 nothing to see; 403 ``not_yours_to_undo``; 409 ``not_approved``,
            ``permit_consumed``, ``permit_revoked``, ``permit_lapsed``, ``result_reported``; 422.
    """
    if len(reason) > MAX_REASON:
        raise invalid([FieldError("/reason", "too_long", f"At most {MAX_REASON} characters.")])
    seen = read.for_person(reader=reader, request_id=request_id)
    if not may_undo(seen, reader):
        raise forbidden(
            "Who approved it, the agent's owner and administrators take an approval back.",
            code="not_yours_to_undo",
        )
    with pool().connection() as conn:
        with conn.transaction():
            conn.execute(_LOCK_AGENT, {"request": request_id, "workspace": reader.workspace_id})
            held = hold(conn, reader.workspace_id, request_id)
            told = conn.execute(_RESULT, {"request": request_id}).fetchone()
            refused = _refusal(held, has_result=told is not None)
            if refused is not None:
                raise refused
            ending = Ending(request_id, reader.workspace_id, held.revision, held.expires_at, None)
            revoke_permits(
                conn,
                [ending],
                actor=actor,
                by=_by(seen, reader),
                at=held.now,
                commits={"reason": Commitment(reason.encode())} if reason else None,
            )
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return render(row, for_person=True)


def revoke_permits(
    conn: Connection[Any],
    approved: Sequence[Ending],
    *,
    actor: Actor,
    by: str,
    at: datetime,
    commits: Mapping[str, Commitment] | None = None,
) -> None:
    """Revoke the permits of locked, approved requests that no tool used, with their events.

    Raises:
        NotRevocable: one of them was used, revoked or lapsed; roll the transaction back.
    """
    ids = [one.id for one in approved]
    facts = [
        Fact(
            one.workspace,
            actor,
            ("req", one.id),
            RequestRevoked(revision=one.revision, by=by),
            commits or {},
        )
        for one in approved
    ]
    counted = conn.execute(
        REVOKE,
        {
            "ids": ids,
            "at": at,
            "cb_type": "request.revoked",
            "due_withdrawn": ids,
            **event_rows(facts, at),
        },
    ).fetchone()
    if counted is None or counted[0] != len(ids):
        raise NotRevocable(f"{counted and counted[0]} of {len(ids)} permits were open")
    if counted[1]:
        nudge_later(conn, DELIVER)


def may_undo(row: Row, reader: Reader) -> bool:
    """Whether it is this person's to take back, were it approved."""
    return bool(_by(row, reader))


def is_open(row: Row) -> bool:
    """Whether an approval can still be taken back."""
    return (
        row.permit is not None
        and row.permit["state"] in (PermitState.OPEN, PermitState.ISSUED)
        and row.result is None
    )


def _by(row: Row, reader: Reader) -> str:
    """As whom this person may take it back; empty where they may not."""
    agreed = {
        vote["person_id"]
        for vote in row.decisions or ()
        if not vote["void"] and Verdict(vote["verdict"]) in AGREEING
    } | {one["person_id"] for one in row.confirmations or ()}
    if str(reader.person_id) in agreed:
        return "decider"
    if row.owner_id == reader.person_id:
        return "owner"
    return "administrator" if "administer" in reader.permissions else ""


def _refusal(held: Held, *, has_result: bool) -> Problem | None:
    if held.status is not Status.APPROVED or held.kind is not Kind.REQUEST:
        return conflict(
            "not_approved", f"Only an approved action is taken back; this is {held.status.value}."
        )
    if held.permit is PermitState.CONSUMED:
        return conflict("permit_consumed", "Too late: a tool used its permit, the action ran.")
    if has_result:
        return conflict("result_reported", "Too late: the agent told what came of it.")
    if held.permit is PermitState.REVOKED:
        return conflict("permit_revoked", "It was taken back before.")
    if held.permit in (PermitState.OPEN, PermitState.ISSUED):
        return None
    return conflict("permit_lapsed", "Nobody used it in time: there is nothing to take back.")
