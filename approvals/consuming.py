"""A tool uses a permit: once, for that payload alone, while its agent may act.

Two round trips.  One reads the tool's key and the permit, and says what is wrong with it; one uses it
if it is still to be used, under the locks in their one order (agent, request, permit).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection, errors

from agents.tools import (
    TOOL_COLUMNS,
    TOOL_FROM,
    TOOL_WHERE,
    ToolContext,
    presented_tool_key,
    tool_from,
)
from approvals import frozen
from approvals.ends import inbox_of, waiters_of
from audit.actor import Actor
from audit.kinds import PermitConsumed, PermitRefused
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import durations, failpoints, ids
from core.db import pool
from core.due import PROMISE_FROM
from core.nudge import nudger
from core.problems import FieldError, Problem, conflict, forbidden, gone, invalid, not_found

#: The due kind of a used permit of which nobody told a result.
RESULT: Final = "permit.result"

_READ: Final = f"""
SELECT {TOOL_COLUMNS},
       p.id, p.request_id, p.revision, p.agent_id, agent.name, agent.state, p.action, p.digest,
       p.expires_at, p.consumed_at, p.consumed_by_id, p.consume_key, p.revoked_at, v.plan
  FROM {TOOL_FROM}
  LEFT JOIN approvals_permit p ON p.id = %(permit)s AND p.workspace_id = k.workspace_id
  LEFT JOIN agents_agent agent ON agent.id = p.agent_id
  LEFT JOIN approvals_revision v
    ON v.workspace_id = p.workspace_id AND v.request_id = p.request_id AND v.number = p.revision
 WHERE {TOOL_WHERE}
"""
#: The last line fails the whole statement, its events too, where there was nothing to use.
CONSUME: Final = f"""
WITH acting AS (
    SELECT agent.id FROM agents_agent agent
     WHERE agent.id = %(agent)s AND agent.state = 'active' FOR SHARE
),
held AS (
    SELECT r.id FROM approvals_request r JOIN acting ON r.agent_id = acting.id
     WHERE r.id = %(request)s FOR UPDATE OF r
),
used AS (
    UPDATE approvals_permit p
       SET consumed_at = clock_timestamp(), consumed_by_id = %(tool)s, consume_key = %(consume_key)s
      FROM held
     WHERE p.id = %(permit)s AND p.request_id = held.id AND p.workspace_id = %(workspace)s
       AND p.digest = %(digest)s AND p.consumed_at IS NULL AND p.revoked_at IS NULL
       AND p.expires_at > clock_timestamp()
    RETURNING p.request_id, p.workspace_id, p.consumed_at
),
moved AS (
    UPDATE approvals_request r SET permit_state = 'consumed', sequence = sequence + 1
      FROM used WHERE r.id = used.request_id
),
{
    PROMISE_FROM.format(
        name="watched",
        kind=RESULT,
        source="(SELECT workspace_id, request_id AS subject, consumed_at + %(within)s::interval AS due_at FROM used)",
    )
},
{INSERT_EVENTS}
SELECT 1 / (SELECT count(*) FROM used), (SELECT consumed_at FROM used)
"""


class Consumed(msgspec.Struct, frozen=True):
    """The answer of ``POST /permits/{id}/consume``: the action may run now."""

    id: str
    request: str
    action: str
    agent: str
    consumed_at: str
    result_by: str


@dataclass(frozen=True, slots=True)
class Found:
    """A permit as a tool's call found it."""

    id: UUID
    request: UUID
    revision: int
    agent: UUID
    agent_name: str
    agent_state: str
    action: str
    digest: bytes
    expires_at: datetime
    consumed_at: datetime | None
    consumed_by: UUID | None
    consume_key: str | None
    revoked_at: datetime | None
    plan: bytes

    @property
    def result_within(self) -> timedelta:
        """How long its result may be awaited."""
        return durations.scaled(timedelta(seconds=frozen.decode(self.plan).permit.result_within_s))


def consume(
    *, authorization: str | None, permit_id: UUID, digest: bytes, idempotency_key: str | None
) -> bytes:
    """Use a permit on behalf of the tool whose key this is.

    Args:
        digest: SHA-256 of the canonical payload that the tool is about to run.
        idempotency_key: a repeated call of the same tool with this key gets the same answer.

    Raises:
        Problem: 401; 403 ``wrong_action``; 404 no permit of this workspace; 409 ``permit_consumed``;
            410 ``permit_expired``, ``permit_revoked``, ``agent_suspended``; 422 ``wrong_digest``.
    """
    presented = presented_tool_key(authorization)
    with pool().connection() as conn:
        tool, found = _read(conn, presented.id, presented, permit_id)
        refused = refusal(tool, found, digest)
        if refused is None:
            at = _use(conn, tool, found, digest, idempotency_key)
            if at is not None:
                failpoints.hit("consume_after_commit_before_answer")
                nudger.wake(waiters_of(found.request), inbox_of(tool.workspace_id))
                return _answer(found, at)
            # Somebody was faster, or took it back: look again.
            tool, found = _read(conn, presented.id, presented, permit_id)
            refused = refusal(tool, found, digest) or _consumed()
        if found.consumed_at and _is_repeat(tool, found, digest, idempotency_key):
            return _answer(found, found.consumed_at)
        _record_refusal(conn, tool, found, refused)
    raise refused


def read(
    conn: Connection[Any], authorization: str | None, permit_id: UUID
) -> tuple[ToolContext, Found]:
    """The tool behind a key, and a permit of its workspace.

    Raises:
        Problem: 401, 403 for an agent's key, 404.
    """
    presented = presented_tool_key(authorization)
    return _read(conn, presented.id, presented, permit_id)


def _read(
    conn: Connection[Any], key: UUID, presented: Any, permit_id: UUID
) -> tuple[ToolContext, Found]:
    row = conn.execute(_READ, {"key": key, "permit": permit_id}).fetchone()
    tool = tool_from(row, presented)
    assert row is not None  # noqa: S101  # tool_from raised otherwise
    if row[10] is None:
        raise not_found()
    return tool, Found(*row[10:])


def refusal(tool: ToolContext, found: Found, digest: bytes) -> Problem | None:
    """Why a permit may not be used, or None.  Pure; the database's clock is in the tool's context."""
    if not tool.may(found.action):
        return wrong_action(found.action)
    if found.consumed_at is not None:
        return _consumed()
    if found.revoked_at is not None:
        return gone("permit_revoked", "This permit was taken back: do not run the action.")
    if found.agent_state != "active":
        return gone("agent_suspended", f"The agent is {found.agent_state}: do not run the action.")
    if tool.now >= found.expires_at:
        return gone("permit_expired", "This permit has expired: the agent may ask for another.")
    if digest != found.digest:
        fault = FieldError(
            "/payload_digest", "wrong_digest", "Exactly what was approved may run, nothing else."
        )
        return invalid([fault], code="wrong_digest", detail="This permit is for another payload.")
    return None


def wrong_action(action: str) -> Problem:
    """403 for a tool's key that is limited to other actions."""
    return forbidden(f"This key consumes no permits of {action}.", code="wrong_action")


def _consumed() -> Problem:
    return conflict("permit_consumed", "This permit was used: an action runs once.")


def _use(
    conn: Connection[Any],
    tool: ToolContext,
    found: Found,
    digest: bytes,
    idempotency_key: str | None,
) -> datetime | None:
    """When it was used; None where there was nothing to use any more."""
    data = PermitConsumed(permit=ids.encode("pmt", found.id), revision=found.revision)
    fact = Fact(tool.workspace_id, Actor.tool(tool.key_id), ("req", found.request), data)
    values = {
        "permit": found.id,
        "request": found.request,
        "agent": found.agent,
        "workspace": tool.workspace_id,
        "tool": tool.key_id,
        "digest": digest,
        "consume_key": idempotency_key,
        "within": found.result_within,
        **event_rows([fact], tool.now),
    }
    try:
        done = conn.execute(CONSUME, values, prepare=True).fetchone()
    except errors.DivisionByZero:
        return None
    assert done is not None  # noqa: S101  # a SELECT without FROM always answers
    at: datetime = done[1]
    return at


def _is_repeat(tool: ToolContext, found: Found, digest: bytes, idempotency_key: str | None) -> bool:
    return (
        idempotency_key is not None
        and found.consumed_by == tool.key_id
        and found.consume_key == idempotency_key
        and found.digest == digest
    )


def _answer(found: Found, at: datetime) -> bytes:
    return msgspec.json.encode(
        Consumed(
            id=ids.encode("pmt", found.id),
            request=ids.encode("req", found.request),
            action=found.action,
            agent=ids.encode("agt", found.agent),
            consumed_at=rfc3339(at),
            result_by=rfc3339(at + found.result_within),
        )
    )


def _record_refusal(
    conn: Connection[Any], tool: ToolContext, found: Found, refused: Problem
) -> None:
    """Somebody tried to run what may not run: that belongs into the log."""
    data = PermitRefused(permit=ids.encode("pmt", found.id), code=refused.code)
    fact = Fact(tool.workspace_id, Actor.tool(tool.key_id), ("req", found.request), data)
    conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], tool.now))
