"""Looks for what should not be, mends what can be mended, and keeps what it found.

One process looks at a time: whoever raises the turn. It may die anywhere; the next one looks after
`PAUSE`. Two looks at once (one of them late) find the same and repair once, under the requests' locks.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import clock_rows
from approvals.ends import EXPIRE
from audit.actor import Actor
from core import due, due_looks, failpoints, ids
from core.db import pool
from core.nudge import nudger
from oversight.watching import findings, heartbeat
from oversight.watching.findings import MOST_NAMED, Found

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("watch")
#: How often the beat asks for a look (`config.celery`), and how long after one began the next may.
EVERY: Final = timedelta(seconds=30)
PAUSE: Final = timedelta(seconds=25)
OVERDUE: Final = timedelta(minutes=1)
#: Requests repaired in one transaction, and transactions in one look.
BATCH: Final = 200
MOST_BATCHES: Final = 10

# A clock that was set back must not make everybody wait for it to catch up.
_TURN: Final = """
INSERT INTO oversight_watch (id, turn, begun_at, findings, beat_error)
VALUES (1, 1, clock_timestamp(), '[]', '')
ON CONFLICT (id) DO UPDATE SET turn = oversight_watch.turn + 1, begun_at = clock_timestamp()
 WHERE oversight_watch.begun_at NOT BETWEEN clock_timestamp() - %(pause)s AND clock_timestamp()
RETURNING turn
"""
_KEEP: Final = """
UPDATE oversight_watch
   SET looked_at = statement_timestamp(), findings = %(findings)s,
       well_at = CASE WHEN %(well)s THEN statement_timestamp() ELSE well_at END
 WHERE id = 1 AND turn = %(turn)s
RETURNING turn
"""


def watch(kinds: Collection[str]) -> list[Found] | None:
    """Look, if it is time and nobody else does; send the heartbeat where nothing was found.

    Args:
        kinds: the due kinds that have a handler.

    Returns:
        what was found; None where it was not this caller's turn, or no longer is.
    """
    with pool().connection() as conn:
        turn = _turn(conn)
        if turn is None:
            return None
        found = look(conn, kinds)
        failpoints.hit("watch_before_keep")
        if not _keep(conn, turn, found):
            return None
    if not found:
        heartbeat.beat(turn)
    return found


def look(conn: Connection[Any], kinds: Collection[str]) -> list[Found]:
    """What is wrong with the clock, after what can be repaired was."""
    found = [*_forgotten(conn), *_overdue(conn, kinds), *_stuck(conn, kinds)]
    for each in found:
        logger.error("the clock: %s", each.sentence)
    return found


def _turn(conn: Connection[Any]) -> int | None:
    row = conn.execute(_TURN, {"pause": PAUSE}).fetchone()
    return None if row is None else int(row[0])


def _keep(conn: Connection[Any], turn: int, found: list[Found]) -> bool:
    values = {"turn": turn, "well": not found, "findings": findings.encode(found)}
    return conn.execute(_KEEP, values).fetchone() is not None


def _forgotten(conn: Connection[Any]) -> list[Found]:
    repaired: list[UUID] = []
    for _ in range(MOST_BATCHES):
        missing = clock_rows.without_clock(conn, BATCH)
        if missing:
            with conn.transaction():
                repaired += clock_rows.wind_up(conn, missing, actor=ACTOR)
        if len(missing) < BATCH:
            break
    if not repaired:
        return []
    nudger.nudge(EXPIRE)  # some of their deadlines may have passed
    named = tuple(ids.encode("req", one) for one in repaired[:MOST_NAMED])
    return [Found(what="without_clock", kind=EXPIRE, count=len(repaired), subjects=named)]


def _overdue(conn: Connection[Any], kinds: Collection[str]) -> list[Found]:
    found = []
    for kind, count, late_s in due.overdue(OVERDUE, conn=conn):
        if kind in kinds:
            nudger.nudge(kind)
            found.append(Found(what="overdue", kind=kind, count=count, late_s=round(late_s, 1)))
    return found


def _stuck(conn: Connection[Any], kinds: Collection[str]) -> list[Found]:
    return [
        Found(
            what="stuck",
            kind=row.kind,
            late_s=round(row.late_s, 1),
            tries=row.tries,
            subjects=(str(row.subject),),
        )
        for row in due_looks.stuck(conn)
        if row.kind in kinds
    ]
