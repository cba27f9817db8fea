"""The rows of steps that were taken: what is read of them, and how they are written with their events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.escalating import Open
from approvals.sql import ESCALATE
from audit.actor import Actor
from audit.kinds import EscalationStepped, EscalationUndelivered
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import failpoints
from core.due import PROMISE_FROM

_DONE: Final = """
SELECT request_id, id, number, state, kind, undelivered_at, reason
  FROM escalations_step
 WHERE (request_id, revision, stage) IN (
       SELECT * FROM unnest(%(requests)s::uuid[], %(revisions)s::int[], %(stages)s::int[]))
 ORDER BY request_id, number
"""
_WRITE: Final = f"""
WITH stepped AS (
    INSERT INTO escalations_step (
        id, workspace_id, request_id, revision, stage, number, kind, target, state, cause, reason, by_id,
        told, due_at, at)
    SELECT * FROM unnest(
        %(id)s::uuid[], %(workspace)s::uuid[], %(request)s::uuid[], %(revision)s::int[],
        %(stage)s::smallint[], %(number)s::smallint[], %(kind)s::text[], %(target)s::text[],
        %(state)s::text[], %(cause)s::text[], %(reason)s::text[], %(by)s::uuid[], %(told)s::int[],
        %(due)s::timestamptz[], %(at)s::timestamptz[])
),
silent AS (
    UPDATE escalations_step SET undelivered_at = clock_timestamp() WHERE id = ANY(%(undelivered)s)
),
again AS (
    SELECT * FROM unnest(%(again_workspace)s::uuid[], %(again_request)s::uuid[], %(again_at)s::timestamptz[])
        AS a (workspace_id, subject, due_at)
     WHERE NOT EXISTS (
           SELECT 1 FROM core_due d
            WHERE d.subject = a.subject AND d.kind = '{ESCALATE}' AND d.due_at <= a.due_at)
),
{PROMISE_FROM.format(name="looks", kind=ESCALATE, source="again")},
{INSERT_EVENTS}
SELECT 1
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken before."""

    id: UUID
    number: int
    state: str
    kind: str
    undelivered: bool
    reason: str


@dataclass(slots=True)
class Taking:
    """A step that is taken now; ``reason`` says why it did nothing, where it did not."""

    id: UUID
    open: Open
    number: int
    state: str
    cause: str
    due_at: datetime
    target: str
    by: UUID | None = None
    reason: str = ""
    told: int = 0

    @property
    def does(self) -> str:
        """What it does."""
        return self.open.plan.escalation[self.number].does

    def skip(self, reason: str) -> None:
        """It did nothing, and why."""
        self.state, self.reason, self.told = "skipped", reason, 0


def done(conn: Connection[Any], opens: Sequence[Open]) -> dict[UUID, list[Done]]:
    """What was taken before of the open stages of these requests, by request."""
    values = {
        "requests": [one.request for one in opens],
        "revisions": [one.revision for one in opens],
        "stages": [one.stage for one in opens],
    }
    found: dict[UUID, list[Done]] = {one.request: [] for one in opens}
    rows = conn.execute(_DONE, values).fetchall()
    for request, id, number, state, kind, undelivered_at, reason in rows:
        found[request].append(Done(id, number, state, kind, undelivered_at is not None, reason))
    return found


def write(
    conn: Connection[Any],
    taken: Sequence[Taking],
    undelivered: Sequence[tuple[Open, Done]],
    again: Sequence[tuple[Open, datetime]],
    actor: Actor,
) -> None:
    """Write steps with their events, and when to look again, in the caller's transaction.

    Args:
        undelivered: steps taken before, of which it turned out that they reached nobody.
        again: requests with when their clock is looked at next.
    """
    facts = [_fact(one, actor) for one in taken]
    facts += [
        Fact(
            one.workspace,
            Actor.system("clock"),
            ("req", one.request),
            EscalationUndelivered(revision=one.revision, stage=one.stage, step=step.number),
        )
        for one, step in undelivered
    ]
    at = max((one.open.now for one in taken), default=None)
    now = at or max((one.now for one, _ in undelivered), default=None)
    if now is None and not again:
        return
    failpoints.hit("escalate_before_last_statement")
    conn.execute(
        _WRITE,
        {
            "id": [one.id for one in taken],
            "workspace": [one.open.workspace for one in taken],
            "request": [one.open.request for one in taken],
            "revision": [one.open.revision for one in taken],
            "stage": [one.open.stage for one in taken],
            "number": [one.number for one in taken],
            "kind": [one.does for one in taken],
            "target": [one.target for one in taken],
            "state": [one.state for one in taken],
            "cause": [one.cause for one in taken],
            "reason": [one.reason for one in taken],
            "by": [one.by for one in taken],
            "told": [one.told for one in taken],
            "due": [one.due_at for one in taken],
            "at": [one.open.now for one in taken],
            "undelivered": [step.id for _, step in undelivered],
            "again_workspace": [one.workspace for one, _ in again],
            "again_request": [one.request for one, _ in again],
            "again_at": [when for _, when in again],
            **event_rows(facts, now or again[0][0].now),
        },
    )


def _fact(one: Taking, actor: Actor) -> Fact:
    data = EscalationStepped(
        revision=one.open.revision,
        stage=one.open.stage,
        step=one.number,
        does=one.does,
        target=one.target,
        state=one.state,
        cause=one.cause,
        reason=one.reason,
        due_at=rfc3339(one.due_at),
        told=one.told,
    )
    return Fact(one.open.workspace, actor, ("req", one.open.request), data)
