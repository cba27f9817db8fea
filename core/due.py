"""Promises that fall due: written with the fact that causes them, kept by whoever claims first.

A claim is one statement that leases rows (`FOR UPDATE SKIP LOCKED`) and raises their fence. The
handler then works in a transaction of its own and calls `finish` there: rows whose fence has moved
on belong to somebody else, and the whole transaction is rolled back. What is not finished returns
when its lease ends, so a process may die anywhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import psycopg

from core import db, failpoints, ids

logger = logging.getLogger(__name__)

LIMIT: Final = 200
LEASE: Final = timedelta(seconds=30)
#: Rows that fall due within this time after each other are taken together.
GATHER_S: Final = 0.005
#: Counting stops here: "1,000 or more" says enough, and health must stay quick.
MOST_COUNTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Promise:
    """What shall happen: the kind names the handler, the subject is what it is about."""

    kind: str
    workspace: UUID
    subject: UUID
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours until its lease ends, or somebody raises its fence."""

    id: UUID
    kind: str
    workspace: UUID
    subject: UUID
    due_at: datetime
    fence: int


Handler: TypeAlias = Callable[[Sequence[Claimed]], None]


class LostLease(Exception):
    """Rows were finished, withdrawn or claimed by another meanwhile; nothing of this may stay."""

    def __init__(self, lost: Iterable[UUID]) -> None:
        self.lost = frozenset(lost)
        super().__init__(f"{len(self.lost)} rows are no longer held")


def due_rows(promises: Sequence[Promise]) -> dict[str, list[Any]]:
    """Return the parameters of `INSERT_DUE` for these promises."""
    return {
        "due_id": [ids.uuid7() for _ in promises],
        "due_kind": [promise.kind for promise in promises],
        "due_workspace": [promise.workspace for promise in promises],
        "due_subject": [promise.subject for promise in promises],
        "due_at": [promise.due_at for promise in promises],
    }


#: A member of a WITH list: the promises of `due_rows`.
INSERT_DUE: Final = """
promised AS (
    INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
    SELECT d.id, d.kind, d.workspace, d.subject, d.due, d.due, 0
    FROM unnest(%(due_id)s::uuid[], %(due_kind)s::text[], %(due_workspace)s::uuid[],
                %(due_subject)s::uuid[], %(due_at)s::timestamptz[])
         AS d (id, kind, workspace, subject, due)
)
"""

#: A member of a WITH list: one promise for each row of another member, whose columns are
#: ``workspace_id``, ``subject`` and ``due_at``.  ``PROMISE_FROM.format(name=…, kind=…, source=…)``.
PROMISE_FROM: Final = """
{name} AS (
    INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
    SELECT core_uuid7(), '{kind}', s.workspace_id, s.subject, s.due_at, s.due_at, 0
      FROM {source} AS s
)
"""

#: Three members of a WITH list, for handlers that keep their rows one by one: those of ``due_id`` that
#: are ours still (``due_fence``) are finished where ``due_again`` is null, else they fall due then.
#: ``kept`` and ``again`` return their subjects.
SETTLE_DUE: Final = """
held AS (
    SELECT * FROM unnest(%(due_id)s::uuid[], %(due_fence)s::int[], %(due_again)s::timestamptz[])
        AS h (id, fence, again)
),
kept AS (
    DELETE FROM core_due AS d USING held
     WHERE d.id = held.id AND d.fence = held.fence AND held.again IS NULL
    RETURNING d.subject
),
again AS (
    UPDATE core_due AS d SET due_at = held.again, ready_at = held.again
      FROM held
     WHERE d.id = held.id AND d.fence = held.fence AND held.again IS NOT NULL
    RETURNING d.subject, d.due_at
)
"""

#: A member of a WITH list: withdraws all promises about the subjects in `due_withdrawn`. A row that
#: somebody is keeping right now is skipped: its handler finds that there is nothing left to do,
#: while waiting for it here could close a circle with what the handler waits for.
WITHDRAW_DUE: Final = """
withdrawn AS (
    DELETE FROM core_due AS d
    USING (
        SELECT id FROM core_due WHERE subject = ANY(%(due_withdrawn)s::uuid[])
        FOR UPDATE SKIP LOCKED
    ) AS free
    WHERE d.id = free.id
)
"""

# The clock is read in a sub-select, once: as a volatile function it could not use the index. The
# oldest come first by ready_at, which is due_at until a lease: both in index order, however many
# are late, and a row that fails again and again does not stand in the way of the rest. An array,
# because a join is planned for a third of the table and would read all of it.
_CLAIM: Final = """
UPDATE core_due AS d
SET fence = d.fence + 1, ready_at = clock_timestamp() + %(lease)s
WHERE d.id = ANY(ARRAY(
    SELECT id FROM core_due
    WHERE kind = %(kind)s AND ready_at <= (SELECT clock_timestamp())
    ORDER BY ready_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
RETURNING d.id, d.kind, d.workspace_id, d.subject, d.due_at, d.fence
"""

_TAKE: Final = """
UPDATE core_due AS d
SET fence = d.fence + 1, ready_at = clock_timestamp() + %(lease)s,
    due_at = LEAST(d.due_at, clock_timestamp())
WHERE d.subject = ANY(%(subjects)s::uuid[]) AND d.kind = %(kind)s
RETURNING d.id, d.kind, d.workspace_id, d.subject, d.due_at, d.fence
"""

_NEXT: Final = """
SELECT EXTRACT(EPOCH FROM ready_at - clock_timestamp())::float8
FROM core_due WHERE kind = %s ORDER BY ready_at LIMIT 1
"""

_FINISH: Final = """
DELETE FROM core_due AS d
USING unnest(%s::uuid[], %s::int[]) AS held (id, fence)
WHERE d.id = held.id AND d.fence = held.fence
RETURNING d.id
"""

# Kinds by a loose index scan. A row that keeps failing is always under a lease, so the look goes
# one lease ahead in ready_at, which the index knows, and then asks for due_at.
_OVERDUE: Final = """
WITH RECURSIVE kinds (kind) AS (
    (SELECT kind FROM core_due ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT d.kind FROM core_due AS d WHERE d.kind > kinds.kind ORDER BY d.kind LIMIT 1)
    FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kinds.kind, count(*), EXTRACT(EPOCH FROM clock_timestamp() - min(late.due_at))::float8
FROM kinds CROSS JOIN LATERAL (
    SELECT d.due_at FROM core_due AS d
    WHERE d.kind = kinds.kind
      AND d.ready_at <= (SELECT clock_timestamp() + %(lease)s)
      AND d.due_at <= (SELECT clock_timestamp() - %(older_than)s)
    ORDER BY d.ready_at LIMIT %(most)s
) AS late
GROUP BY kinds.kind ORDER BY kinds.kind
"""


def claim(kind: str, limit: int = LIMIT, lease: timedelta = LEASE) -> list[Claimed]:
    """Lease up to `limit` rows of `kind` that are due, oldest first; they are ours for `lease`."""
    with db.pool().connection() as conn:
        rows = conn.execute(_CLAIM, {"kind": kind, "limit": limit, "lease": lease}).fetchall()
    claimed = sorted((Claimed(*row) for row in rows), key=lambda row: (row.due_at, row.id))
    if claimed:
        failpoints.hit("due_after_claim")
    return claimed


def take(kind: str, subjects: Sequence[UUID], lease: timedelta = LEASE) -> list[Claimed]:
    """Lease the rows of `kind` about these subjects now, due or not; whoever had one loses it."""
    values = {"kind": kind, "subjects": list(subjects), "lease": lease}
    with db.pool().connection() as conn:
        return [Claimed(*row) for row in conn.execute(_TAKE, values).fetchall()]


def finish(conn: psycopg.Connection[Any], claimed: Sequence[Claimed]) -> None:
    """Delete kept promises, inside the transaction of the work they asked for.

    LostLease when one of them is no longer ours: let it roll the transaction back.
    """
    failpoints.hit("due_before_finish")
    held = [row.id for row in claimed], [row.fence for row in claimed]
    kept = {row[0] for row in conn.execute(_FINISH, held).fetchall()}
    if len(kept) < len(claimed):
        raise LostLease(row.id for row in claimed if row.id not in kept)


def run(
    kind: str,
    handler: Handler,
    limit: int = LIMIT,
    *,
    lease: timedelta = LEASE,
    window_s: float = 0.0,
    stop: threading.Event | None = None,
) -> int:
    """Handle what is due of `kind` until nothing is; return how many rows were claimed.

    With `window_s` it also waits for rows that fall due within so many seconds from now. `stop`
    ends it between two batches. A row whose handler fails is logged and returns when its lease
    ends; the others of its batch are handled. core.db.Unavailable when the database is gone.
    """
    stop = stop or threading.Event()
    until = time.monotonic() + window_s
    total = 0
    while not stop.is_set():
        claimed = claim(kind, limit, lease)
        if claimed:
            total += len(claimed)
            _handle(claimed, handler, time.monotonic() + lease.total_seconds())
            continue
        pause = _next_in(kind)
        if pause is None or time.monotonic() + pause > until:
            break
        stop.wait(max(GATHER_S, pause))
    return total


def _next_in(kind: str) -> float | None:
    """Return in how many seconds the next row of `kind` may be claimed; None without any."""
    with db.pool().connection() as conn:
        row = conn.execute(_NEXT, (kind,)).fetchone()
    return None if row is None else float(row[0])


def _handle(claimed: Sequence[Claimed], handler: Handler, until: float) -> None:
    """Run the handler; where it fails, on ever smaller parts until the bad row stands alone."""
    if not claimed or time.monotonic() >= until:
        return  # the lease is over: these rows are somebody else's by now
    try:
        handler(claimed)
    except LostLease as error:
        rest = [row for row in claimed if row.id not in error.lost]
        if len(rest) < len(claimed):
            _handle(rest, handler, until)
        return
    except db.Unavailable:
        raise
    except Exception as error:
        if len(claimed) > 1:
            middle = len(claimed) // 2
            _handle(claimed[:middle], handler, until)
            _handle(claimed[middle:], handler, until)
            return
        (row,) = claimed
        logger.error(
            "due row %s (%s of %s), attempt %d, failed; it returns when its lease ends",
            *(row.id, row.kind, row.subject, row.fence),
            exc_info=error,
        )


def overdue(
    older_than: timedelta = timedelta(seconds=10), *, conn: psycopg.Connection[Any] | None = None
) -> list[tuple[str, int, float]]:
    """Return (kind, how many, age of the oldest in seconds) of rows later than `older_than`.

    At most 1,000 of a kind are counted. Uses the pool unless a connection is given.
    """
    values = {"older_than": older_than, "lease": LEASE, "most": MOST_COUNTED}
    if conn is not None:
        return [tuple(row) for row in conn.execute(_OVERDUE, values).fetchall()]
    with db.pool().connection() as pooled:
        return overdue(older_than, conn=pooled)
