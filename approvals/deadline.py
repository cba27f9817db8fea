"""Requests that meet their deadline: expired, or what their plan says instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from approvals.ends import EXPIRE, Ending, end_requests
from approvals.frozen import FrozenPlan, decode
from approvals.sql import INSERT_STAGES
from approvals.stages import Opening, stage_rows
from approvals.status import Basis, Kind, Status
from audit.actor import Actor
from audit.kinds import StageOpened
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import durations
from core.due import INSERT_DUE, Promise, due_rows

#: One order of locks for everybody: by id.
LOCK = "SELECT id FROM approvals_request WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"

READ = """
SELECT r.id, r.workspace_id, r.revision, r.stage, r.risk, r.expires_at, v.plan, r.kind, clock_timestamp()
  FROM approvals_request r
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.id = ANY(%(ids)s) AND r.status = 'pending'
 ORDER BY r.expires_at, r.id
"""

ASK_ONE_MORE = f"""
WITH moved AS (
    UPDATE approvals_request r
       SET stage = n.stage, expires_at = n.expires_at, sequence = r.sequence + 1
      FROM unnest(%(ids)s::uuid[], %(stages)s::smallint[], %(deadlines)s::timestamptz[])
        AS n (id, stage, expires_at)
     WHERE r.id = n.id AND r.status = 'pending'
),
closed AS (
    UPDATE approvals_stage SET closed_at = %(at)s
     WHERE (workspace_id, request_id) IN (SELECT * FROM unnest(%(workspaces)s::uuid[], %(ids)s::uuid[]))
       AND closed_at IS NULL
),
{INSERT_STAGES},
{INSERT_DUE},
{INSERT_EVENTS}
SELECT 1
"""

_CLOCK = Actor.system("clock")


@dataclass(frozen=True, slots=True)
class Late:
    """A pending request, locked, as it meets its deadline."""

    id: UUID
    workspace: UUID
    revision: int
    stage: int
    risk: str
    expires_at: datetime
    plan: FrozenPlan
    kind: Kind

    @property
    def asks_one_more(self) -> bool:
        """Whether the plan has a stage for after the deadline, and it was not asked yet."""
        return self.plan.after_deadline is not None and self.stage < len(self.plan.stages)

    @property
    def runs_on_silence(self) -> bool:
        """Whether silence approves: only where policy says so, and only at low risk (guarantee 4)."""
        return self.plan.on_expiry == "allow" and self.risk == "low"


def meet(conn: Connection[Any], request_ids: Sequence[UUID]) -> list[Late]:
    """Let these requests meet their deadline, inside the caller's transaction.

    Requests that ended meanwhile are left alone; one whose deadline was moved gets a new promise.

    Returns:
        the requests that ended or whose next stage was opened.
    """
    conn.execute(LOCK, {"ids": list(request_ids)})
    late: list[Late] = []
    early: list[Promise] = []
    now: datetime | None = None
    for row in conn.execute(READ, {"ids": list(request_ids)}).fetchall():
        clock = row[8]
        request = Late(row[0], row[1], row[2], row[3], row[4], row[5], decode(row[6]), Kind(row[7]))
        now = clock
        if request.expires_at > clock:
            early.append(Promise(EXPIRE, request.workspace, request.id, request.expires_at))
        else:
            late.append(request)
    if early:
        conn.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(early))
    if late and now is not None:
        _ask_one_more(conn, [request for request in late if request.asks_one_more], now)
        ending = [request for request in late if not request.asks_one_more]
        _end(conn, [r for r in ending if r.runs_on_silence], Status.APPROVED, now)
        _end(conn, [r for r in ending if not r.runs_on_silence], Status.EXPIRED, now)
    return late


def _ending(late: Late) -> Ending:
    use_within = late.plan.use_within(late.kind)
    return Ending(late.id, late.workspace, late.revision, late.expires_at, use_within)


def _end(conn: Connection[Any], late: Sequence[Late], outcome: Status, at: datetime) -> None:
    if late:
        endings = [_ending(request) for request in late]
        end_requests(conn, endings, actor=_CLOCK, outcome=outcome, basis=Basis.CLOCK, at=at)


def _ask_one_more(conn: Connection[Any], late: Sequence[Late], at: datetime) -> None:
    if not late:
        return
    lives = [durations.scaled(timedelta(seconds=request.plan.expires_in_s)) for request in late]
    deadlines = [at + life for life in lives]
    openings = [Opening(r.workspace, r.id, r.revision, len(r.plan.stages), r.plan) for r in late]
    facts = [
        Fact(
            o.workspace,
            _CLOCK,
            ("req", o.request),
            StageOpened(revision=o.revision, stage=o.index, reason="deadline"),
        )
        for o in openings
    ]
    promises = [
        Promise(EXPIRE, request.workspace, request.id, at_)
        for request, at_ in zip(late, deadlines, strict=True)
    ]
    conn.execute(
        ASK_ONE_MORE,
        {
            "ids": [request.id for request in late],
            "workspaces": [request.workspace for request in late],
            "stages": [opening.index for opening in openings],
            "deadlines": deadlines,
            "at": at,
            **stage_rows(openings, at),
            **due_rows(promises),
            **event_rows(facts, at),
        },
    )
