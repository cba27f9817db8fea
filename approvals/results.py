"""What came of an approved action, as its agent tells it.  Success is never guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.authentication import SUBMIT, KeyContext, require_scope
from approvals import read
from approvals.ends import inbox_of, waiters_of
from approvals.held import hold
from approvals.present import render
from approvals.status import Kind, Status
from approvals.submission import ResultTold
from audit.actor import Actor
from audit.kinds import ResultReported
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import failpoints
from core.db import pool
from core.money import micro
from core.nudge import nudger
from core.problems import conflict

_PRESENT: Final = """
SELECT status, detail, cost FROM approvals_result WHERE request_id = %(request)s
"""
#: The first one stands, except that what was unknown may become known.
_WRITE: Final = f"""
WITH told AS (
    INSERT INTO approvals_result (request_id, workspace_id, status, detail, cost, key_id, reported_at)
    VALUES (%(request)s, %(workspace)s, %(status)s, %(detail)s, %(cost)s, %(key)s, %(at)s)
    ON CONFLICT (request_id) DO UPDATE
       SET status = excluded.status, detail = excluded.detail, cost = excluded.cost,
           key_id = excluded.key_id, reported_at = excluded.reported_at
     WHERE approvals_result.status = 'unknown'
),
moved AS (UPDATE approvals_request SET sequence = sequence + 1 WHERE id = %(request)s),
{INSERT_EVENTS}
SELECT 1
"""


def report(*, caller: KeyContext, request_id: UUID, told: ResultTold) -> bytes:
    """Tell what came of an approved action; the request object then.  The same again changes nothing.

    Raises:
        Problem: 404 not its own; 409 ``not_approved``, or ``result_reported`` where another one
            stands.
    """
    require_scope(caller, SUBMIT)
    read.for_agent(caller=caller, request_id=request_id)
    with pool().connection() as conn:
        with conn.transaction():
            new = _report(conn, caller, request_id, told)
        row = read.rows(conn, [request_id])[0]
    if new:
        failpoints.hit("after_commit_before_nudge")
        nudger.wake(waiters_of(request_id), inbox_of(caller.workspace_id))
    return render(row, for_person=False)


def _report(conn: Connection[Any], caller: KeyContext, request_id: UUID, told: ResultTold) -> bool:
    held = hold(conn, caller.workspace_id, request_id)
    if held.status is not Status.APPROVED or held.kind is not Kind.REQUEST:
        raise conflict(
            "not_approved", f"Only an approved action has a result; this is {held.status.value}."
        )
    cost: Decimal | None = micro(told.cost)
    present = conn.execute(_PRESENT, {"request": request_id}).fetchone()
    if present is not None:
        if present == (told.status, told.detail, cost):
            return False
        if present[0] != "unknown":
            raise conflict("result_reported", f"Its result stands: {present[0]}.")
    fact = Fact(
        caller.workspace_id,
        Actor.agent(caller.agent_id, key_id=caller.key_id),
        ("req", request_id),
        ResultReported(status=told.status, cost=None if cost is None else str(cost)),
        {"detail": Commitment(told.detail.encode())} if told.detail else {},
    )
    conn.execute(
        _WRITE,
        {
            "request": request_id,
            "workspace": caller.workspace_id,
            "status": told.status,
            "detail": told.detail,
            "cost": cost,
            "key": caller.key_id,
            "at": held.now,
            **event_rows([fact], held.now),
        },
    )
    return True
