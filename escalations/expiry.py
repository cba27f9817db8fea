"""What happens when nobody answers in time: the clock's end, or one more stage.

Steps of the escalation that passed as well collapse into it, and the log says so.

Handles the due kind ``request.expire``.  The rows were claimed and leased (`core.due`); here is one
transaction that locks the requests, looks at the database's clock and ends those that are due.
"""

from __future__ import annotations

from collections.abc import Sequence

from approvals import deadline, escalating
from approvals.ends import inbox_of, waiters_of
from core import due, failpoints
from core.db import pool
from core.due import Claimed
from core.nudge import nudger
from escalations import stepping


def expire_due(claimed: Sequence[Claimed]) -> None:
    """Keep the promise of each claimed row: its request meets its deadline, if it still waits.

    Raises:
        LostLease: somebody else has claimed a row meanwhile; nothing was done.
    """
    with pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)
        subjects = [row.subject for row in claimed]
        stepping.pass_over(conn, escalating.lock(conn, subjects))
        met = deadline.meet(conn, subjects)
    failpoints.hit("after_commit_before_nudge")
    topics = {waiters_of(request.id) for request in met} | {
        inbox_of(request.workspace) for request in met
    }
    if topics:
        nudger.wake(*topics)
