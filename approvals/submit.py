"""Submitting: two round trips.  One reads key, agent, policy and roles; one writes everything.

Only where a rule counts, or the caller sent an idempotency key, is there a transaction around both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection, errors

from agents import stored_answers
from agents.authentication import Presented, presented_key, require_scope
from agents.limits import Spent
from agents.stored_answers import Idempotency
from approvals import counting, planning, questions, read, storing
from approvals.ends import EXPIRE, inbox_of
from approvals.present import render
from approvals.status import Kind, Status
from approvals.storing import Wanted
from approvals.submission import Question, Submission
from approvals.submission import read as read_body
from core import failpoints
from core.canonical import canonical, digest
from core.db import pool
from core.nudge import nudger

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
    submission, value = read_body(body, Submission)
    wanted = Wanted(
        Kind.REQUEST,
        submission,
        counts=lambda policy: counting.counts(
            policy, submission.action, submission.payload, in_run=submission.run is not None
        ),
        plan=lambda conn, situation, policy: planning.plan(
            conn, situation, policy, submission.action, submission.payload
        ),
    )
    return _take(presented, wanted, value, idempotency_key)


def ask(*, authorization: str | None, body: bytes, idempotency_key: str | None) -> Submitted:
    """Ask people something on behalf of the agent whose key this is; it lives as a request does.

    Args and raises: as `submit`.
    """
    presented = presented_key(authorization)
    question, value = read_body(body, Question)
    payload = questions.payload_of(question)
    wanted = Wanted(
        Kind.QUESTION,
        question,
        counts=lambda policy: False,
        plan=lambda conn, situation, policy: questions.plan(
            situation, policy, question.to, payload
        ),
    )
    return _take(presented, wanted, value, idempotency_key)


def _take(
    presented: Presented, wanted: Wanted, value: Any, idempotency_key: str | None
) -> Submitted:
    idempotency = (
        Idempotency(idempotency_key, digest(canonical(value)))
        if idempotency_key is not None
        else None
    )
    with pool().connection() as conn:
        done = _submit(conn, presented, wanted, idempotency)
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
    wanted: Wanted,
    idempotency: Idempotency | None,
) -> Submitted:
    intake = planning.read_intake(conn, presented, wanted.asked.run)
    caller, situation = intake.caller, intake.situation
    require_scope(caller, "requests:submit")
    if idempotency is None and caller.agent_state == "active":
        policy = planning.policy_of(conn, situation)
        if not wanted.counts(policy):
            return _write(conn, intake, wanted, wanted.plan(conn, situation, policy), None)
    with conn.transaction():
        if idempotency is not None:
            earlier = _replay(conn, intake, idempotency)
            if earlier is not None:
                return earlier
        if caller.agent_state != "active":
            raise planning.suspended(caller)
        policy = planning.policy_of(conn, situation)
        if wanted.counts(policy):
            counting.lock_for_counting(conn, caller.agent_id)
        planned = wanted.plan(conn, situation, policy)
        with _same_key_elsewhere(idempotency):
            return _write(conn, intake, wanted, planned, idempotency)


def _write(
    conn: Connection[Any],
    intake: planning.Intake,
    wanted: Wanted,
    planned: planning.Planned,
    idempotency: Idempotency | None,
) -> Submitted:
    row = storing.write(conn, intake, wanted, planned, idempotency)
    pending = row.status == Status.PENDING
    return Submitted(
        request_id=row.id,
        workspace_id=row.workspace_id,
        agent_id=row.agent_id,
        key_id=intake.caller.key_id,
        pending=pending,
        sequence=row.sequence,
        rendered=render(row, for_person=False),
        spent=intake.spent,
        soon=pending and row.expires_at - row.created_at < SOON,
    )


@contextmanager
def _same_key_elsewhere(idempotency: Idempotency | None) -> Iterator[None]:
    """The constraint is the last word: a key that slipped past the lock is still used only once."""
    try:
        yield
    except errors.UniqueViolation as error:
        if idempotency is None or error.diag.constraint_name != "request_idempotency":
            raise
        raise stored_answers.in_flight() from error


def _replay(
    conn: Connection[Any], intake: planning.Intake, idempotency: Idempotency
) -> Submitted | None:
    """The request that an earlier call with this key made, or None where this is the first."""
    caller = intake.caller
    stored_answers.lock(conn, caller.agent_id, idempotency.key)
    found = conn.execute(
        "SELECT id, idempotency_digest FROM approvals_request WHERE agent_id = %s AND idempotency_key = %s",
        [caller.agent_id, idempotency.key],
    ).fetchone()
    if found is None:
        return None
    if found[1] != idempotency.digest:
        raise stored_answers.reused()
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
