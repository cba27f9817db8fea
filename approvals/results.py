"""What came of an approved action, as its agent or the tool that ran it tells it.

Success is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from agents.authentication import SUBMIT, KeyContext, require_scope
from approvals import consuming, read
from approvals.ends import inbox_of, waiters_of
from approvals.held import hold
from approvals.present import render
from approvals.status import Kind, Status
from approvals.submission import ResultTold
from audit.actor import Actor
from audit.kinds import ResultReported
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import failpoints, ids
from core.db import pool
from core.due import WITHDRAW_DUE
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
moved AS (
    UPDATE approvals_request SET sequence = sequence + 1, result_missing = false, unsettled_at = NULL
     WHERE id = %(request)s
),
{WITHDRAW_DUE},
{INSERT_EVENTS}
SELECT 1
"""


def report(*, caller: KeyContext, request_id: UUID, told: ResultTold) -> bytes:
    """Tell what came of an approved action; the request object then.  The same again changes nothing.

    Raises:
        Problem: 404 not its own; 409 ``not_approved``, ``request_erased``, or ``result_reported``
            where another one stands.
    """
    require_scope(caller, SUBMIT)
    read.for_agent(caller=caller, request_id=request_id)
    teller = _Teller(
        Actor.agent(caller.agent_id, key_id=caller.key_id), caller.workspace_id, caller.key_id
    )
    with pool().connection() as conn:
        with conn.transaction():
            new = _report(conn, teller, request_id, told)
        row = read.rows(conn, [request_id])[0]
    if new:
        _wake(teller, request_id)
    return render(row, for_person=False)


def report_by_tool(*, authorization: str | None, permit_id: UUID, told: ResultTold) -> bytes:
    """A tool tells what came of the action whose permit it used; what it told, as an object.

    Raises:
        Problem: 401; 403 ``wrong_action``; 404; 409 ``permit_not_consumed``, ``request_erased``,
            or ``result_reported`` where another result stands.
    """
    with pool().connection() as conn:
        tool, permit = consuming.read(conn, authorization, permit_id)
        if not tool.may(permit.action):
            raise consuming.wrong_action(permit.action)
        if permit.consumed_at is None:
            raise conflict("permit_not_consumed", "This permit was not used: nothing came of it.")
        teller = _Teller(Actor.tool(tool.key_id), tool.workspace_id, tool.key_id)
        with conn.transaction():
            new = _report(conn, teller, permit.request, told)
    if new:
        _wake(teller, permit.request)
    return msgspec.json.encode(
        ToolResult(ids.encode("pmt", permit_id), ids.encode("req", permit.request), told.status)
    )


class ToolResult(msgspec.Struct, frozen=True):
    """The answer of ``POST /permits/{id}/result``."""

    id: str
    request: str
    status: str


@dataclass(frozen=True, slots=True)
class _Teller:
    actor: Actor
    workspace_id: UUID
    key_id: UUID


def _wake(teller: _Teller, request_id: UUID) -> None:
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(teller.workspace_id))


def _report(conn: Connection[Any], teller: _Teller, request_id: UUID, told: ResultTold) -> bool:
    held = hold(conn, teller.workspace_id, request_id)
    held.check_kept()
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
        teller.workspace_id,
        teller.actor,
        ("req", request_id),
        ResultReported(status=told.status, cost=None if cost is None else str(cost)),
        {"detail": Commitment(told.detail.encode())} if told.detail else {},
    )
    conn.execute(
        _WRITE,
        {
            "request": request_id,
            "workspace": teller.workspace_id,
            "due_withdrawn": [request_id],
            "status": told.status,
            "detail": told.detail,
            "cost": cost,
            "key": teller.key_id,
            "at": held.now,
            **event_rows([fact], held.now),
        },
    )
    return True
