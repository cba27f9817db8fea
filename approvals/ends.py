"""The end of requests: set-based, and the only writer of an end.

Whatever ends a request (votes, the clock, a cancel) has locked its row first and comes through
`end_requests`, for one request as for ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from approvals.row import Row
from approvals.sql import PROMISE_LAPSE
from approvals.status import ENDS, Basis, Status
from audit.actor import Actor
from audit.kinds import (
    Data,
    RequestAnswered,
    RequestApproved,
    RequestCancelled,
    RequestExpired,
    RequestRejected,
)
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows, rfc3339
from callbacks.sql import CALLED, DELIVER, INSERT_CALLBACKS
from core import failpoints
from core.db import nudge_later
from core.due import WITHDRAW_DUE

#: The due kind of a request's deadline.
EXPIRE = "request.expire"

# A request's own columns are what its callbacks and its permit follow from. That it is pending is
# asked by ended_at: by status, the inbox's index would be joined row by row with all the ids.
END_REQUESTS = f"""
WITH ended AS (
    UPDATE approvals_request AS r
       SET status = %(status)s, basis = %(basis)s, stage = NULL, waiting_on = NULL,
           ended_at = %(at)s, sequence = sequence + 1,
           permit_state = CASE WHEN n.use_by IS NOT NULL THEN 'open' END, use_by = n.use_by
      FROM unnest(%(ids)s::uuid[], %(use_by)s::timestamptz[]) AS n (id, use_by)
     WHERE r.id = n.id AND r.ended_at IS NULL
    RETURNING r.id, r.workspace_id, r.agent_id, r.callback_url, r.callback_endpoint_id, r.use_by
),
closed AS (
    UPDATE approvals_stage SET closed_at = %(at)s
     WHERE (workspace_id, request_id) IN (SELECT * FROM unnest(%(workspaces)s::uuid[], %(ids)s::uuid[]))
       AND closed_at IS NULL
),
{WITHDRAW_DUE},
{PROMISE_LAPSE.format(source="ended")},
{INSERT_CALLBACKS.format(source="ended")},
{INSERT_EVENTS}
SELECT count(*), {CALLED} FROM ended
"""


class NotPending(RuntimeError):
    """A request was to be ended that is not pending: its row was not locked and looked at first."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A request that its caller has locked and found pending."""

    id: UUID
    workspace: UUID
    revision: int
    expires_at: datetime
    #: How long a permit may be asked for where it ends approved; none for a question.
    use_within: timedelta | None

    def use_by(self, at: datetime) -> datetime | None:
        """Until when a permit may be asked for, where it is approved at this instant."""
        return None if self.use_within is None else at + self.use_within


def end_requests(
    conn: Connection[Any],
    endings: Sequence[Ending],
    *,
    actor: Actor,
    outcome: Status,
    basis: Basis,
    at: datetime,
    commits: Mapping[str, Commitment] | None = None,
) -> None:
    """End locked, pending requests, with their events, in the caller's transaction.

    Args:
        endings: the requests; each row is locked by this transaction.
        actor: who ended them.
        outcome: how they end; with `basis` one of the moves in `approvals.status.ENDS`.
        at: the database's clock, read after the locks were held.
        commits: bytes that each event commits to (a reason).

    Raises:
        NotPending: one of them was not pending; the transaction must be rolled back.
    """
    if basis not in ENDS[outcome]:
        raise LookupError(f"no request ends {outcome} on the basis {basis}")
    facts = [
        Fact(e.workspace, actor, ("req", e.id), _data(e, outcome, basis), commits or {})
        for e in endings
    ]
    ids = [ending.id for ending in endings]
    approved = outcome is Status.APPROVED
    failpoints.hit("end_before_last_statement")
    counted = conn.execute(
        END_REQUESTS,
        {
            "status": outcome.value,
            "basis": basis.value,
            "at": at,
            "ids": ids,
            "use_by": [ending.use_by(at) if approved else None for ending in endings],
            "cb_type": f"request.{outcome.value}",
            "workspaces": [ending.workspace for ending in endings],
            "due_withdrawn": ids,
            **event_rows(facts, at),
        },
    ).fetchone()
    if counted is None or counted[0] != len(ids):
        raise NotPending(f"{counted and counted[0]} of {len(ids)} requests were pending")
    if counted[1]:
        nudge_later(conn, DELIVER)


def outcome_fact(row: Row, actor: Actor) -> Fact:
    """The event of a request that policy ended as it was submitted."""
    ending = Ending(row.id, row.workspace_id, row.revision, row.expires_at, None)
    return Fact(
        row.workspace_id,
        actor,
        ("req", row.id),
        _data(ending, Status(row.status), Basis(row.basis or "")),
    )


def _data(ending: Ending, outcome: Status, basis: Basis) -> Data:
    match outcome:
        case Status.APPROVED:
            return RequestApproved(revision=ending.revision, basis=basis.value)
        case Status.REJECTED:
            return RequestRejected(revision=ending.revision, basis=basis.value)
        case Status.ANSWERED:
            return RequestAnswered(revision=ending.revision, basis=basis.value)
        case Status.EXPIRED:
            return RequestExpired(
                revision=ending.revision, basis=basis.value, due_at=rfc3339(ending.expires_at)
            )
        case Status.CANCELLED:
            return RequestCancelled(revision=ending.revision, basis=basis.value)
        case Status.PENDING:
            raise LookupError("pending is not an end")


def inbox_of(workspace: UUID) -> str:
    """The wake topic of everybody who looks at this workspace's inbox."""
    return f"w:{workspace.hex}"


def waiters_of(request: UUID) -> str:
    """The wake topic of every call that waits for this request."""
    return f"r:{request.hex}"
