"""More time for a request: once, within what policy allows, with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import read, returning
from approvals.access import Reader
from approvals.ends import inbox_of, waiters_of
from approvals.frozen import decode
from approvals.handling import must_be_asked
from approvals.held import Held, hold
from approvals.present import render
from approvals.sql import ESCALATE
from audit.actor import Actor
from audit.kinds import RequestExtended
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import durations, failpoints, ids
from core.db import pool
from core.due import INSERT_DUE, Promise, due_rows
from core.nudge import nudger
from core.problems import FieldError, conflict, invalid

#: Steps that would have come after the old deadline may come now: the clock is looked at again.
_EXTEND: Final = f"""
WITH extended AS (
    UPDATE approvals_request
       SET expires_at = %(expires_at)s, extended_at = %(at)s, extended_by_id = %(person)s,
           sequence = sequence + 1
     WHERE id = %(request)s AND extended_at IS NULL
    RETURNING id
),
{INSERT_DUE},
{INSERT_EVENTS}
SELECT count(*) FROM extended
"""


def extend(*, actor: Actor, reader: Reader, request_id: UUID, by: timedelta, reason: str) -> bytes:
    """Move the deadline; the request object then.

    Args:
        by: policy time, not scaled.
        reason: a comment that the others read, and the agent does not; not empty.

    Raises:
        Problem: 404 nothing to see; 403 ``not_asked``; 409 it has ended or is late,
            ``not_extendable`` by its plan, ``extended_already``; 422 more than its plan allows.
    """
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        with conn.transaction():
            held = hold(conn, reader.workspace_id, request_id)
            held.check_pending()
            must_be_asked(conn, request_id, reader.person_id)
            _check(held, by)
            _extend(conn, actor, reader, request_id, held, by, reason)
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return render(row, for_person=True)


def _check(held: Held, by: timedelta) -> None:
    most = timedelta(seconds=decode(held.plan).extend_s)
    if not most:
        detail = "The rule that asks gives no more time: its `extend` would say how much."
        raise conflict("not_extendable", detail)
    if by > most:
        detail = f"Policy allows at most {durations.show(most)} more."
        raise invalid([FieldError("/by", "too_long", detail)])


def _extend(
    conn: Connection[Any],
    actor: Actor,
    reader: Reader,
    request_id: UUID,
    held: Held,
    by: timedelta,
    reason: str,
) -> None:
    expires_at = held.expires_at + durations.scaled(by)
    message = returning.remark(conn, actor, reader, request_id, held, reason)
    data = RequestExtended(
        revision=held.revision,
        before=rfc3339(held.expires_at),
        expires_at=rfc3339(expires_at),
        message=ids.encode("msg", message),
    )
    fact = Fact(reader.workspace_id, actor, ("req", request_id), data)
    values = {
        "request": request_id,
        "person": reader.person_id,
        "expires_at": expires_at,
        "at": held.now,
        **due_rows([Promise(ESCALATE, reader.workspace_id, request_id, held.now)]),
        **event_rows([fact], held.now),
    }
    counted = conn.execute(_EXTEND, values).fetchone()
    if counted is None or not counted[0]:
        raise conflict("extended_already", "It was given more time before: that is done once.")
