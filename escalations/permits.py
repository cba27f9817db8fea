"""Keeps the due kinds ``permit.lapse`` and ``permit.result``: each in one transaction, under its locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from approvals import permit_clock
from approvals.ends import inbox_of, waiters_of
from approvals.permit_clock import Changed
from core import due, failpoints
from core.db import pool
from core.due import Claimed
from core.nudge import nudger


def lapse_due(claimed: Sequence[Claimed]) -> None:
    """Approvals that nobody used in time lapse.

    Raises:
        LostLease: somebody else has claimed a row meanwhile; nothing was done.
    """
    _keep(claimed, permit_clock.lapse)


def result_due(claimed: Sequence[Claimed]) -> None:
    """Used permits of which nobody told a result in time are noted.

    Raises:
        LostLease: as above.
    """
    _keep(claimed, permit_clock.miss_results)


def _keep(
    claimed: Sequence[Claimed],
    meet: Callable[[Connection[Any], Sequence[UUID]], list[Changed]],
) -> None:
    with pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)
        changed = meet(conn, [row.subject for row in claimed])
    failpoints.hit("after_commit_before_nudge")
    topics = {waiters_of(one.id) for one in changed} | {inbox_of(one.workspace) for one in changed}
    if topics:
        nudger.wake(*topics)
