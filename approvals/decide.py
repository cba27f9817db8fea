"""One person's verdict: refused with a reason, or counted.

A transaction locks, looks, then writes the vote and everything that follows from it: votes that no
longer count, the next or an earlier stage, a changed payload with its new plan, the end.  Nothing is
decided on what was read before the lock.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import Any
from uuid import UUID

from psycopg import Connection, errors

from approvals import editing, questions, read, returning
from approvals.access import Reader
from approvals.ballot import Ballot, lock_ballot
from approvals.choices import Choice
from approvals.ends import inbox_of, waiters_of
from approvals.present import render
from approvals.refusals import refusal
from approvals.status import Verdict
from approvals.voting import count
from audit.actor import Actor
from audit.kinds import DecisionRefused
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import failpoints
from core.db import pool
from core.nudge import nudger
from core.problems import Problem, invalid

DEADLOCK_TRIES = 3

RECORD_EVENTS = f"WITH {INSERT_EVENTS} SELECT 1"


def decide(*, actor: Actor, reader: Reader, request_id: UUID, chosen: Choice) -> bytes:
    """Count one person's verdict on the open stage of a request.

    Args:
        actor: the person, through the channel that proved them.
        reader: the same person in the workspace.
        request_id: the request.
        chosen: the verdict, with the stage and digest that were shown (`approvals.choices.choice`).

    Returns:
        the request object as it stands after the vote.

    Raises:
        Problem: 404 nothing to see; 403 not theirs to decide; 409 ended, late, stale, voted already
            or waiting on the agent, with the present state in ``request``; 422 a comment is missing,
            or an edit or answer does not fit.
    """
    with pool().connection() as conn:
        refusal = _decide_patiently(conn, actor, reader, request_id, chosen)
        row = read.rows(conn, [request_id])[0]
    rendered = render(row, for_person=True)
    if refusal is not None:
        if refusal.status == HTTPStatus.CONFLICT:
            refusal.extra["request"] = read.as_value(rendered)
        raise refusal
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return rendered


def _decide_patiently(
    conn: Connection[Any], actor: Actor, reader: Reader, request_id: UUID, chosen: Choice
) -> Problem | None:
    """Decide in a transaction; once more where PostgreSQL broke a deadlock by ending this one.

    Whoever takes several roles away at once (a policy being applied) locks memberships in an order
    of its own, so a decision may meet it head on.
    """
    for _ in range(DEADLOCK_TRIES - 1):
        with contextlib.suppress(errors.DeadlockDetected):
            return _decide(conn, actor, reader, request_id, chosen)
    return _decide(conn, actor, reader, request_id, chosen)


def _decide(
    conn: Connection[Any], actor: Actor, reader: Reader, request_id: UUID, chosen: Choice
) -> Problem | None:
    with conn.transaction():
        if chosen.verdict is Verdict.EDIT:
            editing.lock_agent(conn, reader, request_id)
        ballot = lock_ballot(conn, reader, request_id)
        refused = refusal(ballot, reader, chosen)
        if refused is None:
            _act(conn, actor, reader, ballot, chosen)
        elif refused.status == HTTPStatus.FORBIDDEN:
            _record_refusal(conn, actor, ballot, refused, chosen)
        return refused


def _act(
    conn: Connection[Any], actor: Actor, reader: Reader, ballot: Ballot, chosen: Choice
) -> None:
    match chosen.verdict:
        case Verdict.APPROVE | Verdict.REJECT:
            count(conn, actor, reader, ballot, chosen)
        case Verdict.ANSWER:
            faults = questions.faults(ballot.payload, chosen.answer)
            if faults:
                raise invalid(faults, detail="The answer does not fit the question.")
            count(conn, actor, reader, ballot, chosen)
        case Verdict.EDIT:
            editing.edit(conn, actor, reader, ballot, chosen)
        case Verdict.RETURN:
            returning.give_back(conn, actor, reader, ballot, chosen)


def _record_refusal(
    conn: Connection[Any], actor: Actor, ballot: Ballot, refusal: Problem, chosen: Choice
) -> None:
    data = DecisionRefused(code=refusal.code, verdict=chosen.verdict.value)
    fact = Fact(ballot.workspace, actor, ("req", ballot.request), data)
    conn.execute(RECORD_EVENTS, event_rows([fact], ballot.now))
