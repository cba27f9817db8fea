"""Permits: leave to run exactly one approved action, once.

The agent picks one up until the plan's ``use_by``, however long it was away; a tool consumes it, once,
for that payload alone.  What is final (consumed, revoked, lapsed) the database holds, too.
Source: design of callbacks and permits; JWS in compact form (RFC 7515), Ed25519 (RFC 9864).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.conf import settings
from psycopg import Connection

from agents.authentication import SUBMIT, KeyContext, require_scope
from agents.sql import LOCK_FOR_DECIDING
from approvals import frozen
from approvals.ends import inbox_of, waiters_of
from approvals.held import Held, hold
from approvals.planning import suspended
from approvals.status import Kind, PermitState, Status
from audit.actor import Actor
from audit.kinds import Data, PermitIssued, PermitReplaced
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import durations, failpoints, ids
from core.db import pool
from core.nudge import nudger
from core.problems import Problem, conflict, gone, not_found
from signing import jws
from signing.keys import PERMIT, Signer, signers

#: The ``typ`` of a permit's JWS: it is taken for nothing else, and nothing else for one.
TYP: Final = "permit+jwt"

_LOCK_AGENT: Final = LOCK_FOR_DECIDING.format(
    agent="(SELECT agent_id FROM approvals_request "
    "WHERE id = %(request)s AND agent_id = %(agent)s AND workspace_id = %(workspace)s)"
)
_READ: Final = """
SELECT agent.state, r.action,
       EXISTS (SELECT 1 FROM approvals_result told WHERE told.request_id = r.id),
       (SELECT id FROM approvals_permit made
         WHERE made.request_id = r.id AND made.consumed_at IS NULL AND made.revoked_at IS NULL)
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
 WHERE r.id = %(request)s
"""
_REPLACE: Final = "UPDATE approvals_permit SET revoked_at = %(at)s WHERE id = %(earlier)s"
_ISSUE: Final = f"""
WITH issued AS (
    INSERT INTO approvals_permit (
        id, workspace_id, request_id, revision, agent_id, action, digest, key_id, issued_at, expires_at)
    VALUES (
        %(permit)s, %(workspace)s, %(request)s, %(revision)s, %(agent)s, %(action)s, %(digest)s,
        %(key)s, %(at)s, %(expires_at)s)
),
moved AS (
    UPDATE approvals_request SET permit_state = 'issued', sequence = sequence + 1
     WHERE id = %(request)s
),
{INSERT_EVENTS}
SELECT 1
"""


class Issued(msgspec.Struct, frozen=True):
    """The answer of ``POST /requests/{id}/permit``."""

    id: str
    token: str
    expires_at: str
    use_by: str


@dataclass(frozen=True, slots=True)
class _Permit:
    """A permit before it is written."""

    id: UUID
    action: str
    expires_at: datetime
    earlier: UUID | None


def audience(workspace_slug: str) -> str:
    """The workspace's issuer URL, which a permit is for."""
    return f"{settings.BASE_URL}/workspaces/{workspace_slug}"


def issue(*, caller: KeyContext, request_id: UUID) -> bytes:
    """Hand the agent the permit of its approved request; one it has not used opens nothing any more.

    Raises:
        Problem: 404 not its own; 403 the agent may not act; 409 ``not_approved``,
            ``permit_consumed``, ``result_reported``; 410 ``permit_revoked``, ``permit_lapsed``.
    """
    require_scope(caller, SUBMIT)
    # Before a connection is taken: finding the key may need one itself.
    signer = signers.current(PERMIT)
    with pool().connection() as conn, conn.transaction():
        held = _hold(conn, caller, request_id)
        made = _planned(conn, caller, request_id, held)
        answer = _answer(caller, request_id, held, made, signer)
        _write(conn, caller, request_id, held, made)
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(caller.workspace_id))
    return answer


def _hold(conn: Connection[Any], caller: KeyContext, request_id: UUID) -> Held:
    """The locks in their one order: agent, request.  404 for another agent's."""
    values = {
        "request": request_id,
        "agent": caller.agent_id,
        "workspace": caller.workspace_id,
    }
    if conn.execute(_LOCK_AGENT, values).fetchone() is None:
        raise not_found()
    return hold(conn, caller.workspace_id, request_id)


def _planned(conn: Connection[Any], caller: KeyContext, request_id: UUID, held: Held) -> _Permit:
    row = conn.execute(_READ, {"request": request_id}).fetchone()
    assert row is not None  # noqa: S101  # it is locked
    state, action, has_result, earlier = row
    if state != "active":
        raise suspended(caller)
    refused = _refusal(held, has_result=has_result)
    if refused is not None:
        raise refused
    life = durations.scaled(timedelta(seconds=frozen.decode(held.plan).permit.valid_for_s))
    return _Permit(ids.uuid7(), action, held.now + life, earlier)


def _refusal(held: Held, *, has_result: bool) -> Problem | None:
    if held.status is not Status.APPROVED or held.kind is not Kind.REQUEST:
        return conflict(
            "not_approved", f"Only an approved action has a permit; this is {held.status.value}."
        )
    if held.permit is PermitState.CONSUMED:
        return conflict("permit_consumed", "Its permit was used: the action ran, or was begun.")
    if has_result:
        return conflict("result_reported", "You told what came of it: it is not to run again.")
    if held.permit is PermitState.REVOKED:
        return gone("permit_revoked", "The approval was taken back: do not run the action.")
    if held.permit is not PermitState.OPEN and held.permit is not PermitState.ISSUED:
        return lapsed()
    if held.use_by is None or held.now >= held.use_by:
        return lapsed()
    return None


def lapsed() -> Problem:
    """410 for an approval that was not used in time."""
    return gone("permit_lapsed", "The approval was not used in time: ask again if it is needed.")


def _answer(
    caller: KeyContext, request_id: UUID, held: Held, made: _Permit, signer: Signer
) -> bytes:
    assert held.use_by is not None  # noqa: S101  # _refusal looked
    permit_id = ids.encode("pmt", made.id)
    claims = {
        "iss": settings.BASE_URL,
        "aud": audience(caller.workspace_slug),
        "ws": ids.encode("wsp", caller.workspace_id),
        "sub": ids.encode("agt", caller.agent_id),
        "jti": permit_id,
        "req": ids.encode("req", request_id),
        "rev": held.revision,
        "action": made.action,
        "payload_sha256": held.digest.hex(),
        "iat": int(held.now.timestamp()),
        "nbf": int(held.now.timestamp()),
        # Whole seconds: never longer than the row lives.
        "exp": int(made.expires_at.timestamp()),
    }
    token = jws.sign(claims, signer=signer, typ=TYP)
    issued = Issued(permit_id, token, rfc3339(made.expires_at), rfc3339(held.use_by))
    return msgspec.json.encode(issued)


def _write(
    conn: Connection[Any], caller: KeyContext, request_id: UUID, held: Held, made: _Permit
) -> None:
    actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
    facts: list[Data] = []
    if made.earlier is not None:
        facts.append(PermitReplaced(permit=ids.encode("pmt", made.earlier)))
        # A statement of its own: only one permit of a request is live at any moment.
        conn.execute(_REPLACE, {"at": held.now, "earlier": made.earlier})
    facts.append(
        PermitIssued(
            permit=ids.encode("pmt", made.id),
            revision=held.revision,
            key=ids.encode("key", caller.key_id),
            expires_at=rfc3339(made.expires_at),
        )
    )
    values = {
        "permit": made.id,
        "workspace": caller.workspace_id,
        "request": request_id,
        "revision": held.revision,
        "agent": caller.agent_id,
        "action": made.action,
        "digest": held.digest,
        "key": caller.key_id,
        "at": held.now,
        "expires_at": made.expires_at,
    }
    events = [Fact(caller.workspace_id, actor, ("req", request_id), fact) for fact in facts]
    failpoints.hit("permit_before_last_statement")
    conn.execute(_ISSUE, values | event_rows(events, held.now))
