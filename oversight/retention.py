"""Retention: what ended requests say goes after so many days, by the same way as every erasure.

A due row per workspace, once a day: a batch per transaction, each with its event.  What is on hold,
pending, still usable or not reviewed stays; so do the rows, and the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, Rollback

from agents import erasing as runs
from approvals import erasing as requests
from audit.actor import Actor
from audit.kinds import RetentionSet
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import erasing
from core.db import pool
from core.due import INSERT_DUE, SETTLE_DUE, WITHDRAW_DUE, Claimed, Promise, due_rows
from core.problems import FieldError, invalid
from oversight import holds
from oversight.erasure import PATIENCE, Found, Order, own_connection, wake, write

#: The due kind of a workspace's next look.
AGE: Final = "retention.age"
BATCH: Final = 500
#: Runs to which requests on hold belong must not stand in the way of others.
MOST_LOOKED_AT: Final = 20_000
DAY: Final = timedelta(days=1)
MAX_DAYS: Final = 36_500
REASON: Final = "Retention"

_PRESENT: Final = "SELECT days FROM oversight_retention WHERE workspace_id = %(workspace)s"
_SET: Final = f"""
WITH set AS (
    INSERT INTO oversight_retention (workspace_id, days, set_at) VALUES (%(workspace)s, %(days)s, %(at)s)
    ON CONFLICT (workspace_id) DO UPDATE SET days = excluded.days, set_at = excluded.set_at, reached = NULL
),
{INSERT_EVENTS}
SELECT 1
"""
_PROMISE: Final = f"WITH {INSERT_DUE} SELECT 1"
_CLEAR: Final = f"""
WITH unset AS (DELETE FROM oversight_retention WHERE workspace_id = %(workspace)s),
{WITHDRAW_DUE},
{INSERT_EVENTS}
SELECT 1
"""
_READ: Final = """
SELECT days, reached, clock_timestamp() FROM oversight_retention WHERE workspace_id = %(workspace)s FOR UPDATE
"""
_REACHED: Final = (
    "UPDATE oversight_retention SET reached = %(reached)s WHERE workspace_id = %(workspace)s"
)
_SETTLE: Final = f"WITH {SETTLE_DUE} SELECT subject FROM kept UNION ALL SELECT subject FROM again"


def days_of(workspace: UUID) -> int | None:
    """How many days a workspace keeps what ended requests say; None: for ever."""
    with pool().connection() as conn:
        row = conn.execute(_PRESENT, {"workspace": workspace}).fetchone()
    return None if row is None else int(row[0])


def set_days(*, actor: Actor, workspace: UUID, days: int | None) -> bool:
    """Keep what ended requests say for so many days, or (None) for ever; false where it is so.

    The first look is at once.

    Raises:
        Problem: 422 for days out of range.
    """
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise invalid(
            [FieldError("/retention_days", "out_of_range", f"From 1 to {MAX_DAYS} days.")]
        )
    values: dict[str, Any] = {"workspace": workspace, "days": days}
    with pool().connection() as conn, conn.transaction():
        conn.execute(erasing.ALONE, values)
        row = conn.execute(_PRESENT, values).fetchone()
        if (None if row is None else row[0]) == days:
            return False
        at = holds.clock(conn)
        fact = Fact(workspace, actor, ("wsp", workspace), RetentionSet(days=days))
        values |= {"at": at, "due_withdrawn": [workspace]} | event_rows([fact], at)
        conn.execute(_CLEAR if days is None else _SET, values)
        if row is None:
            conn.execute(_PROMISE, due_rows([Promise(AGE, workspace, workspace, at)]))
    return True


def age_due(claimed: Sequence[Claimed]) -> None:
    """Erase one batch in each of these workspaces; it falls due again at once, or the next day.

    Where another took a row meanwhile, nothing of that workspace's batch stays.
    """
    with own_connection() as conn:
        for row in claimed:
            with conn.transaction():
                conn.execute(PATIENCE)
                again, found = _age(conn, row.workspace)
                settled = conn.execute(
                    _SETTLE, {"due_id": [row.id], "due_fence": [row.fence], "due_again": [again]}
                ).fetchall()
                if not settled:
                    raise Rollback
            if settled and found.subjects:
                wake(row.workspace, found)


def _age(conn: Connection[Any], workspace: UUID) -> tuple[datetime | None, Found]:
    """Erase a batch; when to look again (None: never), and what it was."""
    values: dict[str, Any] = {"workspace": workspace}
    conn.execute(erasing.ALONE, values)
    row = conn.execute(_READ, values).fetchone()
    if row is None:
        return None, Found()
    days, reached, now = row
    standing = holds.standing(conn, workspace)
    if standing.whole:
        return now + DAY, Found()
    before = now - timedelta(days=days)
    found, reached = _batch(conn, workspace, before, reached, standing)
    conn.execute(_REACHED, values | {"reached": reached})
    if not found.subjects:
        return now + DAY, found
    order = Order(workspace, "retention", REASON, None, "retention", rfc3339(before))
    write(conn, Actor.system("retention"), order, found)
    return now, found


def _batch(
    conn: Connection[Any],
    workspace: UUID,
    before: datetime,
    reached: datetime | None,
    standing: holds.Standing,
) -> tuple[Found, datetime | None]:
    """What is old enough: requests first, then records, then the runs that nothing is left of."""
    old = requests.aged(
        conn, workspace, before=before, after=reached, held=standing.held, most=BATCH
    )
    if old:
        return Found(requests=[one for one, _ in old]), old[-1][1]
    records = requests.records_aged(conn, workspace, before, BATCH)
    if records:
        return Found(records=records), reached
    ended = runs.aged(conn, workspace, before, MOST_LOOKED_AT)
    return Found(runs=requests.without_requests(conn, ended)[:BATCH]), None
