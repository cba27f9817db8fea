"""What people do with endpoints and what stands in line for them: switch, test, send again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection

from audit.actor import Actor
from audit.kinds import CallbacksReplayed, EndpointEnabled
from audit.log import INSERT_EVENTS, Fact, event_rows
from callbacks import recording
from callbacks.sql import DELIVER
from callbacks.types import TEST
from core import ids
from core.db import nudge_later, pool
from core.due import PROMISE_FROM
from core.problems import conflict, not_found

Which = Literal["failed", "missing"]
#: Sent again by one call; the rest by the next.
MOST_AT_ONCE: Final = 10_000

_LOCK: Final = """
SELECT state, workspace_id, clock_timestamp() FROM callbacks_endpoint
 WHERE id = %(endpoint)s AND state <> 'deleted' FOR NO KEY UPDATE
"""
_ENABLE: Final = f"""
WITH enabled AS (
    UPDATE callbacks_endpoint
       SET state = 'active', reason = NULL, changed_at = %(at)s, failures = 0, open_until = NULL,
           suspect_since = NULL, failing_since = NULL, last_failure_at = NULL
     WHERE id = %(endpoint)s
),
{INSERT_EVENTS}
SELECT 1
"""
_TEST: Final = f"""
WITH made AS (
    INSERT INTO callbacks_callback (id, workspace_id, endpoint_id, type, url, state, created_at, next_at)
    SELECT %(id)s, e.workspace_id, e.id, %(type)s, e.url, 'pending', %(at)s, %(at)s
      FROM callbacks_endpoint e WHERE e.id = %(endpoint)s
    RETURNING id AS subject, workspace_id, next_at AS due_at
),
{PROMISE_FROM.format(name="promised", kind=DELIVER, source="made")}
SELECT 1
"""
#: ``failed`` was tried and did not arrive; ``missing`` was never tried, its endpoint being disabled.
_WHICH: Final = {
    "one": "c.id = %(callback)s AND c.state <> 'pending' AND c.erased_at IS NULL",
    "failed": "c.state IN ('exhausted', 'stopped', 'held') AND c.attempts > 0 AND c.erased_at IS NULL",
    "missing": "c.state = 'held' AND c.attempts = 0",
}
_ERASED: Final = """
SELECT 1 FROM callbacks_callback WHERE id = %(callback)s AND erased_at IS NOT NULL
"""
_REPLAY: Final = """
WITH chosen AS (
    SELECT c.id FROM callbacks_callback c
     WHERE c.endpoint_id = %(endpoint)s AND {which}
       AND (%(since)s::timestamptz IS NULL OR c.created_at >= %(since)s)
     ORDER BY c.id LIMIT %(most)s FOR UPDATE OF c
),
again AS (
    UPDATE callbacks_callback c SET state = 'pending', tries = 0, next_at = %(at)s
      FROM chosen WHERE c.id = chosen.id
    RETURNING c.id AS subject, c.workspace_id, c.next_at AS due_at
),
{promised}
SELECT count(*) FROM again
"""


def enable(*, actor: Actor, endpoint: UUID) -> bool:
    """Let an endpoint be called again; false where it is.  What was held waits until it is replayed.

    Raises:
        Problem: 404.
    """
    with pool().connection() as conn, conn.transaction():
        state, workspace, at = _hold(conn, endpoint)
        if state == "active":
            return False
        fact = Fact(workspace, actor, ("end", endpoint), EndpointEnabled())
        conn.execute(_ENABLE, {"endpoint": endpoint, "at": at} | event_rows([fact], at))
    return True


def disable(*, actor: Actor, endpoint: UUID) -> bool:
    """Call an endpoint no more until it is enabled; false where it is disabled already.

    Raises:
        Problem: 404.
    """
    with pool().connection() as conn, conn.transaction():
        state, workspace, at = _hold(conn, endpoint)
        if state == "disabled":
            return False
        recording.disable(conn, workspace, endpoint, reason="by_hand", actor=actor, at=at)
    return True


def test(*, endpoint: UUID) -> UUID:
    """Send an ``endpoint.test``; the callback's id, under which its attempts can be read.

    Raises:
        Problem: 404; 409 ``endpoint_disabled``.
    """
    callback = ids.uuid7()
    with pool().connection() as conn, conn.transaction():
        _, at = _active(conn, endpoint)
        conn.execute(_TEST, {"id": callback, "endpoint": endpoint, "type": TEST, "at": at})
        nudge_later(conn, DELIVER)
    return callback


def replay_one(*, actor: Actor, endpoint: UUID, callback: UUID) -> None:
    """Send a callback again, under its own id, with all its tries before it.

    Raises:
        Problem: 404; 409 ``endpoint_disabled``, ``callback_pending``, ``callback_erased``.
    """
    with pool().connection() as conn:
        if conn.execute(_ERASED, {"callback": callback}).fetchone() is not None:
            raise conflict("callback_erased", "What it told was erased: it cannot be sent again.")
    if _replay(actor, endpoint, "one", callback=callback) == 0:
        raise conflict("callback_pending", "It is on its way: it stands in line.")


def replay_all(*, actor: Actor, endpoint: UUID, which: Which, since: datetime | None = None) -> int:
    """Send again what failed, or send what was never tried; how many are on their way.

    Args:
        since: only what happened from then on.

    Raises:
        Problem: 404; 409 ``endpoint_disabled``.
    """
    return _replay(actor, endpoint, which, since=since)


def _replay(
    actor: Actor,
    endpoint: UUID,
    which: str,
    *,
    callback: UUID | None = None,
    since: datetime | None = None,
) -> int:
    promised = PROMISE_FROM.format(name="promised", kind=DELIVER, source="again")
    statement = _REPLAY.format(which=_WHICH[which], promised=promised)
    with pool().connection() as conn, conn.transaction():
        workspace, at = _active(conn, endpoint)
        values: dict[str, Any] = {
            "endpoint": endpoint,
            "since": since,
            "at": at,
            "most": MOST_AT_ONCE,
        }
        if callback is not None:
            values["callback"] = callback
        row = conn.execute(statement, values).fetchone()
        count: int = row[0] if row is not None else 0
        if count:
            data = CallbacksReplayed(which=which, count=count)
            subject = ("cbk", callback) if callback is not None else ("end", endpoint)
            fact = Fact(workspace, actor, subject, data)
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], at))
            nudge_later(conn, DELIVER)
    return count


def _hold(conn: Connection[Any], endpoint: UUID) -> tuple[str, UUID, datetime]:
    row = conn.execute(_LOCK, {"endpoint": endpoint}).fetchone()
    if row is None:
        raise not_found()
    return row[0], row[1], row[2]


def _active(conn: Connection[Any], endpoint: UUID) -> tuple[UUID, datetime]:
    state, workspace, at = _hold(conn, endpoint)
    if state != "active":
        raise conflict("endpoint_disabled", "This endpoint is disabled: enable it first.")
    return workspace, at
