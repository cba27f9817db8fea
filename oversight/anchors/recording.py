"""Writes what came of laying a checkpoint down: the anchor, how the target fares, the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.actor import Actor
from audit.checkpoints import Checkpoint
from audit.kinds import Data, LogAnchored, LogAnchorFailed, LogAnchorRecovered
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import ids
from core.db import pool
from core.due import SETTLE_DUE, Claimed
from oversight.anchors.schedule import INTERVALS, TOLD_AFTER, pause
from oversight.anchors.timestamps import Stamp

ACTOR: Final = Actor.system("anchors")

_SETTLE: Final = (
    f"WITH {SETTLE_DUE} SELECT (SELECT count(*) FROM kept) + (SELECT count(*) FROM again)"
)
_FARES: Final = """
SELECT failures, clock_timestamp() FROM oversight_anchortarget WHERE id = %s FOR NO KEY UPDATE
"""
_SUCCEEDED: Final = f"""
WITH laid AS (
    INSERT INTO oversight_anchor
        (id, workspace_id, target_id, number, size, at, token, stamped_at, trusted)
    VALUES (%(id)s, %(workspace)s, %(target)s, %(number)s, %(size)s, %(at)s, %(token)s,
            %(stamped_at)s, %(trusted)s)
),
fares AS (
    UPDATE oversight_anchortarget
       SET anchored_number = %(number)s, anchored_size = %(size)s, anchored_at = %(at)s,
           failures = 0, failing_since = NULL, error = ''
     WHERE id = %(target)s
),
{INSERT_EVENTS}
SELECT 1
"""
_FAILED: Final = f"""
WITH fares AS (
    UPDATE oversight_anchortarget
       SET failures = failures + 1, failing_since = coalesce(failing_since, %(at)s), error = %(error)s
     WHERE id = %(target)s
),
{INSERT_EVENTS}
SELECT 1
"""
LONGEST_ERROR: Final = 500


@dataclass(slots=True)
class Outcome:
    """What a try came to: an error, or none."""

    due: Claimed
    kind: str
    checkpoint: Checkpoint
    stamp: Stamp | None = None
    error: str = ""


def settle(conn: Connection[Any], rows: Sequence[Claimed], again: Mapping[UUID, timedelta]) -> int:
    """Let rows fall due again after so long, by row; finish the others.  How many were still ours."""
    if not rows:
        return 0
    (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
    assert now is not None  # noqa: S101  # a SELECT without FROM always answers
    values = {
        "due_id": [row.id for row in rows],
        "due_fence": [row.fence for row in rows],
        "due_again": [now + again[row.id] if row.id in again else None for row in rows],
    }
    row = conn.execute(_SETTLE, values).fetchone()
    return 0 if row is None else int(row[0])


def write(outcome: Outcome) -> bool:
    """Record one try; False where somebody else holds the row by now, and nothing was written."""
    with pool().connection() as conn, conn.transaction():
        fares = conn.execute(_FARES, [outcome.due.subject]).fetchone()
        failures, now = fares or (0, None)
        again = pause(outcome.kind, failures + 1) if outcome.error else INTERVALS[outcome.kind]
        if not settle(conn, [outcome.due], {outcome.due.id: again}):
            return False
        facts = list(_facts(outcome, failures))
        told = event_rows([_fact(outcome, data) for data in facts], now)
        conn.execute(*_statement(outcome, now, told))
    return True


def _statement(outcome: Outcome, now: datetime, told: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    target = outcome.due.subject
    if outcome.error:
        error = outcome.error[:LONGEST_ERROR]
        return _FAILED, {"target": target, "at": now, "error": error, **told}
    stamp = outcome.stamp
    return _SUCCEEDED, {
        "id": ids.uuid7(),
        "workspace": outcome.due.workspace,
        "target": target,
        "number": outcome.checkpoint.number,
        "size": outcome.checkpoint.size,
        "at": now,
        "token": None if stamp is None else stamp.token,
        "stamped_at": None if stamp is None else stamp.at,
        "trusted": None if stamp is None else stamp.trusted,
        **told,
    }


def _facts(outcome: Outcome, failures: int) -> list[Data]:
    if outcome.error:
        if failures + 1 != TOLD_AFTER:
            return []
        return [LogAnchorFailed(type=outcome.kind, failures=TOLD_AFTER)]
    anchored = LogAnchored(
        type=outcome.kind, checkpoint=outcome.checkpoint.number, size=outcome.checkpoint.size
    )
    if failures < TOLD_AFTER:
        return [anchored]
    return [LogAnchorRecovered(type=outcome.kind, failures=failures), anchored]


def _fact(outcome: Outcome, data: Data) -> Fact:
    return Fact(outcome.due.workspace, ACTOR, ("anc", outcome.due.subject), data)
