"""Submitting: two round trips.  One reads key, agent, policy and roles; one writes everything.

Only where a rule counts, or the caller sent an idempotency key, is there a transaction around both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection, errors

from agents.authentication import Presented, presented_key, require_scope
from agents.limits import Spent
from approvals import planning, read
from approvals.ends import EXPIRE, inbox_of, outcome_fact
from approvals.present import render
from approvals.row import Row
from approvals.sql import INSERT_REQUEST
from approvals.stages import Opening, stage_rows
from approvals.status import Basis, Status, WaitingOn
from approvals.submission import Submission
from approvals.submission import read as read_submission
from audit.actor import Actor
from audit.kinds import RequestSubmitted, StageAsked
from audit.log import Commitment, Fact, event_rows, rfc3339
from core import durations, failpoints, ids
from core.canonical import canonical, digest
from core.db import pool
from core.due import Promise, due_rows
from core.nudge import nudger
from core.problems import Problem, conflict, invalid

#: A deadline nearer than a sweep is nudged, so that it is not late by the time until the next one.
SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request as it stands right after its submit, or after the submit this one repeats."""

    request_id: UUID
    workspace_id: UUID
    agent_id: UUID
    key_id: UUID
    pending: bool
    sequence: int
    rendered: bytes
    replayed: bool = False
    #: What is left of the key's limit, where it has one.
    spent: Spent | None = None
    #: The deadline is nearer than the next sweep.
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An idempotency key of an agent, and the digest of the body it came with."""

    key: str
    digest: bytes


def submit(*, authorization: str | None, body: bytes, idempotency_key: str | None) -> Submitted:
    """Submit a request on behalf of the agent whose key this is.

    Args:
        authorization: the Authorization header as it came.
        body: the JSON body as it came.
        idempotency_key: the unquoted key, where one was sent.

    Raises:
        Problem: 401, 403, 409 (in flight, no policy), 413, 422; nothing is stored then.
    """
    presented = presented_key(authorization)
    submission, value = read_submission(body)
    idempotency = (
        Idempotency(idempotency_key, digest(canonical(value)))
        if idempotency_key is not None
        else None
    )
    with pool().connection() as conn:
        done = _submit(conn, presented, submission, idempotency)
    failpoints.hit("after_commit_before_nudge")
    if not done.replayed:
        nudger.wake(inbox_of(done.workspace_id))
        if done.soon:
            nudger.nudge(EXPIRE)
    failpoints.hit("submit_after_commit_before_answer")
    return done


def _submit(
    conn: Connection[Any],
    presented: Presented,
    submission: Submission,
    idempotency: Idempotency | None,
) -> Submitted:
    intake = planning.read_intake(conn, presented)
    caller = intake.caller
    require_scope(caller, "requests:submit")
    if idempotency is None and caller.agent_state == "active":
        policy = planning.policy_of(conn, intake)
        if not planning.counts(policy, submission):
            return _write(conn, intake, planning.plan(conn, intake, policy, submission), None)
    with conn.transaction():
        if idempotency is not None:
            earlier = _replay(conn, intake, idempotency)
            if earlier is not None:
                return earlier
        if caller.agent_state != "active":
            raise planning.suspended(caller)
        policy = planning.policy_of(conn, intake)
        if planning.counts(policy, submission):
            planning.lock_for_counting(conn, caller.agent_id)
        planned = planning.plan(conn, intake, policy, submission)
        with _same_key_elsewhere(idempotency):
            return _write(conn, intake, planned, idempotency)


@contextmanager
def _same_key_elsewhere(idempotency: Idempotency | None) -> Iterator[None]:
    """The constraint is the last word: a key that slipped past the lock is still used only once."""
    try:
        yield
    except errors.UniqueViolation as error:
        if idempotency is None or error.diag.constraint_name != "request_idempotency":
            raise
        raise in_flight() from error


def in_flight() -> Problem:
    """409: the first call with this idempotency key has not been answered yet."""
    return conflict(
        "idempotency_in_flight",
        "A call with this Idempotency-Key is still being worked on: repeat this one in a second.",
        retry_after_s=1,
    )


def _replay(
    conn: Connection[Any], intake: planning.Intake, idempotency: Idempotency
) -> Submitted | None:
    """The request that an earlier call with this key made, or None where this is the first.

    The lock is a statement of its own: the look that follows must see what its last holder wrote.
    """
    caller = intake.caller
    seed = hashlib.sha256(caller.agent_id.bytes + idempotency.key.encode()).digest()
    number = int.from_bytes(seed[:8], "big", signed=True)
    locked = conn.execute("SELECT pg_try_advisory_xact_lock(%s)", [number]).fetchone()
    if not (locked and locked[0]):
        raise in_flight()
    found = conn.execute(
        "SELECT id, idempotency_digest FROM approvals_request WHERE agent_id = %s AND idempotency_key = %s",
        [caller.agent_id, idempotency.key],
    ).fetchone()
    if found is None:
        return None
    if found[1] != idempotency.digest:
        raise invalid(
            [],
            code="idempotency_key_reused",
            detail="This Idempotency-Key was used with another body: use a new key for a new request.",
        )
    row = read.rows(conn, [found[0]])[0]
    return Submitted(
        request_id=row.id,
        workspace_id=caller.workspace_id,
        agent_id=caller.agent_id,
        key_id=caller.key_id,
        pending=row.status == Status.PENDING,
        sequence=row.sequence,
        rendered=render(row, for_person=False),
        replayed=True,
        spent=intake.spent,
    )


_OUTCOME = {"allow": Status.APPROVED, "deny": Status.REJECTED}


def _write(
    conn: Connection[Any],
    intake: planning.Intake,
    planned: planning.Planned,
    idempotency: Idempotency | None,
) -> Submitted:
    row = _new_row(intake, planned)
    values = _values(row, intake, planned, idempotency)
    failpoints.hit("submit_before_last_statement")
    conn.execute(INSERT_REQUEST, values, prepare=True)
    caller = intake.caller
    return Submitted(
        request_id=row.id,
        workspace_id=caller.workspace_id,
        agent_id=caller.agent_id,
        key_id=caller.key_id,
        pending=row.status == Status.PENDING,
        sequence=row.sequence,
        rendered=render(row, for_person=False),
        spent=intake.spent,
        soon=row.status == Status.PENDING and row.expires_at - row.created_at < SOON,
    )


def _new_row(intake: planning.Intake, planned: planning.Planned) -> Row:
    """The request as it will stand, so that the answer needs no second look."""
    caller, plan, now = intake.caller, planned.plan, intake.now
    life = durations.scaled(timedelta(seconds=plan.expires_in_s))
    asked = planned.submission.asked_life()
    status = _OUTCOME.get(plan.effect, Status.PENDING)
    ended = status != Status.PENDING
    return Row(
        id=ids.uuid7(int(now.timestamp() * 1000)),
        kind="request",
        workspace_id=caller.workspace_id,
        workspace=caller.workspace_slug,
        action=planned.submission.action,
        payload=planned.payload,
        digest=digest(planned.payload),
        revision=1,
        status=status.value,
        waiting_on=None if ended else WaitingOn.PEOPLE.value,
        basis=Basis.POLICY.value if ended else None,
        risk=planned.risk,
        title=planned.title,
        stated=planned.submission.stated(),
        agent_id=caller.agent_id,
        agent_name=caller.agent_name,
        owner_id=caller.agent_owner_id,
        owner_name=caller.agent_owner_name,
        plan=plan.encoded(),
        stage=None if ended else 0,
        created_at=now,
        expires_at=now + (min(life, asked) if asked is not None else life),
        ended_at=now if ended else None,
        sequence=1,
        decisions=None,
    )


def _values(
    row: Row, intake: planning.Intake, planned: planning.Planned, idempotency: Idempotency | None
) -> dict[str, Any]:
    caller, plan = intake.caller, planned.plan
    pending = row.status == Status.PENDING
    actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
    facts = [
        Fact(row.workspace_id, actor, ("req", row.id), _submitted(row, planned), _commits(row))
    ]
    if not pending:
        facts.append(outcome_fact(row, Actor.system("policy")))
    openings = [Opening(row.workspace_id, row.id, 1, 0, plan.stages[0])] if pending else []
    due = [Promise(EXPIRE, row.workspace_id, row.id, row.expires_at)] if pending else []
    asked = (*plan.stages, *([plan.after_deadline] if plan.after_deadline else []))
    return {
        "id": row.id,
        "workspace": row.workspace_id,
        "agent": row.agent_id,
        "key": caller.key_id,
        "kind": row.kind,
        "run": row.run_id,
        "initiator": row.initiator_id,
        "action": row.action,
        "risk": row.risk,
        "title": row.title,
        "status": row.status,
        "waiting_on": row.waiting_on,
        "basis": row.basis,
        "stage": row.stage,
        "roles": list({role.id for stage in asked for role in stage.roles}),
        "stated": row.stated,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "ended_at": row.ended_at,
        "idempotency_key": idempotency.key if idempotency else None,
        "idempotency_digest": idempotency.digest if idempotency else None,
        "revision_id": ids.uuid7(),
        "payload": row.payload,
        "digest": row.digest,
        "policy_version": planned.policy_version,
        "plan": row.plan,
        **stage_rows(openings, row.created_at),
        **due_rows(due),
        **event_rows(facts, row.created_at),
    }


def _commits(row: Row) -> dict[str, Commitment]:
    """One commitment over everything that was submitted and planned; the bytes stand in the revision."""
    content = b'{"payload":%b,"plan":%b,"stated":%b}' % (row.payload, row.plan, row.stated)
    return {"submission": Commitment(content, kept=False)}


def _submitted(row: Row, planned: planning.Planned) -> RequestSubmitted:
    plan = planned.plan
    return RequestSubmitted(
        action=row.action,
        revision=1,
        risk=row.risk,
        policy_version=plan.version,
        effect=plan.effect,
        rule=plan.rule,
        stages=[
            StageAsked(
                roles=[role.name for role in stage.roles],
                approvals=stage.approvals,
                rejections=stage.rejections,
                distinct_from_earlier=stage.distinct_from_earlier,
                confirm=stage.confirm,
            )
            for stage in plan.stages
        ],
        expires_at=rfc3339(row.expires_at),
        on_expiry=plan.on_expiry,
        reason=" ".join(plan.notes) or None,
    )
