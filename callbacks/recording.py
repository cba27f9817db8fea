"""What came of attempts, written in batches: the attempt, its callback, its promise, its endpoint.

One statement where everything went well.  An endpoint's health is looked at under its lock, since
several processes may send to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.actor import Actor
from audit.kinds import CallbackExhausted, EndpointDisabled
from audit.log import INSERT_EVENTS, Fact, event_rows
from callbacks import schedule
from callbacks.loading import Job
from callbacks.schedule import Health
from callbacks.sql import CALLED, DELIVER, INSERT_CALLBACKS
from callbacks.types import DISABLED
from core import ids
from core.db import nudge_later
from core.due import SETTLE_DUE, WITHDRAW_DUE
from signing.signatures import show_secret

KEPT_BYTES: Final = 20_000
#: How often a success is noted on an endpoint that had one before.
NOTE_EVERY: Final = timedelta(minutes=1)
ABORT: Final = "abort-message"
_SECRETS: Final = re.compile(
    r"whs[ek][ec]?_[A-Za-z0-9+/=_-]+|assentry_(?:agt|tool|aud|ops)_[0-9A-Za-z_]+|eyJ[\w-]+\.[\w-]+\.[\w-]+"
)
_NAMED: Final = re.compile(
    r"((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api[-_]?key|bearer|basic)(\"?\s*[:= ]\s*)[^\r\n,;}]+",
    re.IGNORECASE,
)
MASK: Final = "•••"

_WRITE: Final = f"""
WITH {SETTLE_DUE},
ours AS (SELECT subject FROM kept UNION ALL SELECT subject FROM again),
told AS (
    SELECT n.* FROM unnest(
        %(ids)s::uuid[], %(workspaces)s::uuid[], %(attempt)s::uuid[], %(at)s::timestamptz[], %(ms)s::int[],
        %(status)s::smallint[], %(failure)s::text[], %(detail)s::text[], %(response)s::text[],
        %(state)s::text[], %(due_again)s::timestamptz[], %(last)s::text[])
        AS n (id, workspace, attempt, at, ms, status, failure, detail, response, state, again, last)
      JOIN ours ON ours.subject = n.id
),
moved AS (
    UPDATE callbacks_callback c
       SET state = CASE WHEN c.state = 'pending' OR told.state = 'delivered' THEN told.state ELSE c.state END,
           next_at = CASE WHEN c.state = 'pending' THEN told.again END,
           tries = c.tries + 1, attempts = c.attempts + 1, last_at = told.at, last = told.last
      FROM told WHERE c.id = told.id AND c.erased_at IS NULL
    RETURNING c.id, c.attempts
),
tried AS (
    INSERT INTO callbacks_attempt (
        id, workspace_id, callback_id, number, at, milliseconds, status, failure, detail, response)
    SELECT told.attempt, told.workspace, told.id, moved.attempts, told.at, told.ms, told.status,
           told.failure, told.detail, told.response
      FROM told JOIN moved ON moved.id = told.id
)
SELECT id, attempts FROM moved
"""
_LOCK: Final = """
SELECT id, state, failures, open_until, suspect_since, failing_since, last_failure_at, last_success_at
  FROM callbacks_endpoint WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""
_HEALTH: Final = """
UPDATE callbacks_endpoint e
   SET failures = n.failures, open_until = n.open_until, suspect_since = n.suspect,
       failing_since = n.failing, last_failure_at = n.failed, last_success_at = coalesce(n.succeeded, e.last_success_at)
  FROM unnest(%(ids)s::uuid[], %(failures)s::int[], %(open_until)s::timestamptz[],
              %(suspect)s::timestamptz[], %(failing)s::timestamptz[], %(failed)s::timestamptz[],
              %(succeeded)s::timestamptz[])
    AS n (id, failures, open_until, suspect, failing, failed, succeeded)
 WHERE e.id = n.id
"""
_IN_LINE: Final = (
    "SELECT id FROM callbacks_callback WHERE endpoint_id = %(endpoint)s AND state = 'pending'"
)
_DISABLE: Final = f"""
WITH stopped AS (
    UPDATE callbacks_endpoint SET state = 'disabled', reason = %(reason)s, changed_at = %(at)s
     WHERE id = %(endpoint)s AND state = 'active'
    RETURNING agent_id, workspace_id
),
held AS (
    UPDATE callbacks_callback SET state = 'held', next_at = NULL
     WHERE id = ANY(%(due_withdrawn)s) AND state = 'pending'
),
{WITHDRAW_DUE},
others AS (
    SELECT NULL::uuid AS id, workspace_id, agent_id, NULL::text AS callback_url,
           NULL::uuid AS callback_endpoint_id
      FROM stopped
),
{INSERT_CALLBACKS.format(source="others").replace("e.state <> 'deleted'", "e.state = 'active' AND e.id <> %(endpoint)s")},
{INSERT_EVENTS}
SELECT {CALLED}
"""


@dataclass(slots=True)
class Outcome:
    """One attempt, and what came of it."""

    job: Job
    at: datetime
    milliseconds: int
    status: int | None = None
    failure: str = ""
    detail: str = ""
    response: bytes = b""
    retry_after: timedelta | None = None
    #: What ``webhook-delivery`` said.
    said: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    def follows(self) -> tuple[str, datetime | None]:
        """The callback's state from here, and when it is tried again."""
        if self.succeeded:
            return "delivered", None
        if self.said.strip().lower() == ABORT:
            return "stopped", None
        if self.status == schedule.GONE:
            return "held", None
        pause = schedule.next_try(self.job.tries + 1, self.retry_after)
        return ("exhausted", None) if pause is None else ("pending", self.at + pause)


def write(conn: Connection[Any], outcomes: Sequence[Outcome]) -> None:
    """Write attempts in one transaction; those whose promise is another's by now are left out."""
    follows = {outcome.job.id: outcome.follows() for outcome in outcomes}
    with conn.transaction():
        disabled = _note_health(conn, outcomes)
        done = dict(conn.execute(_WRITE, _values(outcomes, follows)).fetchall())
        exhausted = [
            outcome
            for outcome in outcomes
            if follows[outcome.job.id][0] == "exhausted" and outcome.job.id in done
        ]
        if exhausted:
            _tell_exhausted(conn, exhausted, done)
        for endpoint, (reason, outcome) in disabled.items():
            disable(
                conn,
                outcome.job.workspace,
                endpoint,
                reason=reason,
                actor=Actor.system("callbacks"),
                at=outcome.at,
            )


def disable(
    conn: Connection[Any],
    workspace: UUID,
    endpoint: UUID,
    *,
    reason: str,
    actor: Actor,
    at: datetime,
) -> None:
    """Disable an endpoint in the caller's transaction, which has locked it; its line is held.

    The agent's other endpoints are told.
    """
    waiting = [row[0] for row in conn.execute(_IN_LINE, {"endpoint": endpoint}).fetchall()]
    fact = Fact(workspace, actor, ("end", endpoint), EndpointDisabled(reason=reason))
    called = conn.execute(
        _DISABLE,
        {
            "endpoint": endpoint,
            "reason": reason,
            "at": at,
            "due_withdrawn": waiting,
            "cb_type": DISABLED,
            **event_rows([fact], at),
        },
    ).fetchone()
    if called is not None and called[0]:
        nudge_later(conn, DELIVER)


def _values(
    outcomes: Sequence[Outcome], follows: Mapping[UUID, tuple[str, datetime | None]]
) -> dict[str, Any]:
    return {
        "due_id": [one.job.due.id for one in outcomes],
        "due_fence": [one.job.due.fence for one in outcomes],
        "due_again": [follows[one.job.id][1] for one in outcomes],
        "ids": [one.job.id for one in outcomes],
        "workspaces": [one.job.workspace for one in outcomes],
        "attempt": [ids.uuid7() for _ in outcomes],
        "at": [one.at for one in outcomes],
        "ms": [one.milliseconds for one in outcomes],
        "status": [one.status for one in outcomes],
        "failure": [one.failure for one in outcomes],
        "detail": [one.detail for one in outcomes],
        "response": [masked(one.response, one.job) for one in outcomes],
        "state": [follows[one.job.id][0] for one in outcomes],
        "last": [one.failure or str(one.status) for one in outcomes],
    }


def _is_news(outcome: Outcome) -> bool:
    """Whether it changes what its endpoint's row says."""
    before = outcome.job.health
    if not outcome.succeeded or before.failures or before.last_success_at is None:
        return True
    return outcome.at - before.last_success_at > NOTE_EVERY


def _note_health(
    conn: Connection[Any], outcomes: Sequence[Outcome]
) -> dict[UUID, tuple[str, Outcome]]:
    """Write how endpoints fare from here; those to disable, with the reason."""
    news = [outcome for outcome in outcomes if _is_news(outcome)]
    if not news:
        return {}
    rows = conn.execute(_LOCK, {"ids": list({one.job.endpoint for one in news})}).fetchall()
    healths = {row[0]: Health(*row[2:]) for row in rows}
    active = {row[0] for row in rows if row[1] == "active"}
    disabled: dict[UUID, tuple[str, Outcome]] = {}
    for outcome in news:
        endpoint = outcome.job.endpoint
        health = healths.get(endpoint)
        if health is None:
            continue
        if outcome.succeeded:
            healths[endpoint] = health.succeeded(outcome.at)
            continue
        healths[endpoint] = failed = health.failed(outcome.at, outcome.retry_after)
        if endpoint in active and outcome.status == schedule.GONE:
            disabled[endpoint] = ("gone", outcome)
        elif endpoint in active and failed.is_given_up(outcome.at):
            disabled.setdefault(endpoint, ("failing", outcome))
    _write_health(conn, healths)
    return disabled


def _write_health(conn: Connection[Any], healths: Mapping[UUID, Health]) -> None:
    found = list(healths.items())
    conn.execute(
        _HEALTH,
        {
            "ids": [endpoint for endpoint, _ in found],
            "failures": [health.failures for _, health in found],
            "open_until": [health.open_until for _, health in found],
            "suspect": [health.suspect_since for _, health in found],
            "failing": [health.failing_since for _, health in found],
            "failed": [health.last_failure_at for _, health in found],
            "succeeded": [health.last_success_at for _, health in found],
        },
    )


def _tell_exhausted(
    conn: Connection[Any], exhausted: Iterable[Outcome], attempts: Mapping[UUID, int]
) -> None:
    found = list(exhausted)
    facts = [
        Fact(
            one.job.workspace,
            Actor.system("callbacks"),
            ("end", one.job.endpoint),
            CallbackExhausted(
                callback=ids.encode("cbk", one.job.id),
                type=one.job.type,
                attempts=attempts[one.job.id],
            ),
        )
        for one in found
    ]
    conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows(facts, found[0].at))


def masked(answer: bytes, job: Job) -> str:
    """What is kept of an answer: at most 20,000 bytes as text, without what we sent in confidence."""
    if not answer:
        return ""
    text = answer[:KEPT_BYTES].decode(errors="replace").replace("\0", "�")
    for secret in [*job.headers.values(), *(show_secret(pair.secret) for pair in job.pairs)]:
        if len(secret) > 3:
            text = text.replace(secret, MASK)
    return _NAMED.sub(rf"\1\2{MASK}", _SECRETS.sub(MASK, text))
