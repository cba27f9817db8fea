"""Steps: what an agent says it did in a run, reported in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from agents import runs, stored_answers
from agents.authentication import SUBMIT, KeyContext, require_scope
from agents.reports import StepReported
from agents.stored_answers import Idempotency, Reply
from audit.actor import Actor
from audit.kinds import StepsReported
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows, rfc3339
from core import ids, paging
from core.canonical import canonical, parse_digest, show_digest
from core.db import pool
from core.money import micro
from core.paging import Page
from core.problems import FieldError, conflict, invalid

#: Steps of one run; a run that needs more is begun anew.
MAX_STEPS: Final = 100_000

_FIELDS: Final = {
    "id": "uuid",
    "number": "int",
    "kind": "text",
    "name": "text",
    "call_id": "text",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
    "attempt": "smallint",
    "status": "text",
    "error": "text",
    "input_digest": "bytea",
    "output_digest": "bytea",
    "input_tokens": "int",
    "output_tokens": "int",
    "cost": "text",
    "labels": "json",
    "trace_id": "text",
    "span_id": "text",
}
_COLUMNS: Final = ", ".join(_FIELDS)
_SELECTED: Final = _COLUMNS.replace("cost", "cost::numeric(18, 6)").replace(
    "labels", "ARRAY(SELECT json_array_elements_text(labels))"
)
_READ: Final = f"SELECT {_COLUMNS} FROM agents_step"

_SEEN: Final = """
SELECT call_id, attempt FROM agents_step
 WHERE run_id = %(run)s AND call_id <> '' AND call_id = ANY(%(calls)s::text[])
"""
_LAST: Final = """
SELECT coalesce(max(number), 0) FROM agents_step WHERE run_id = %(run)s
"""
_INSERT: Final = f"""
WITH added AS (
    INSERT INTO agents_step (workspace_id, run_id, created_at, {_COLUMNS})
    SELECT %(workspace)s, %(run)s, %(at)s, {_SELECTED}
      FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _FIELDS.items())})
        AS s ({_COLUMNS})
),
{INSERT_EVENTS}
SELECT 1
"""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it is stored; in the order of `_FIELDS`."""

    id: UUID
    number: int
    kind: str
    name: str
    call_id: str
    started_at: datetime
    ended_at: datetime | None
    attempt: int
    status: str
    error: str
    input_digest: bytes | None
    output_digest: bytes | None
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    labels: list[str]
    trace_id: str
    span_id: str


class StepsTaken(msgspec.Struct, frozen=True):
    """The answer to a batch."""

    accepted: int
    total: int
    stop: bool


def report(
    *,
    caller: KeyContext,
    run_id: UUID,
    steps: Sequence[StepReported],
    idempotency: Idempotency | None = None,
) -> Reply:
    """Add a batch to a run, in its order; a call that was told before, by its id and attempt, is left out.

    An agent that was stopped may still tell what it did: the answer says ``stop``.

    Raises:
        Problem: 404 not its own; 409 ``run_ended``, ``too_many_steps``, or a repetition in flight;
            422 naming the step.
    """
    require_scope(caller, SUBMIT)
    _check(steps)
    with pool().connection() as conn, conn.transaction():
        earlier = stored_answers.replay(conn, caller.agent_id, idempotency)
        if earlier is not None:
            return earlier
        held = runs.lock(conn, caller, run_id)
        last = conn.execute(_LAST, {"run": run_id}).fetchone()
        assert last is not None  # noqa: S101  # an aggregate always answers
        rows = _rows(_new(conn, run_id, steps), last[0] + 1)
        if last[0] + len(rows) > MAX_STEPS:
            raise conflict("too_many_steps", f"A run has at most {MAX_STEPS:,} steps.")
        if rows:
            _insert(conn, caller, run_id, rows, held.at)
        taken = StepsTaken(len(rows), last[0] + len(rows), caller.agent_state != "active")
        reply = Reply(201, msgspec.json.encode(taken))
        return stored_answers.keep(conn, caller.agent_id, idempotency, reply)


def _check(steps: Sequence[StepReported]) -> None:
    faults = []
    for index, step in enumerate(steps):
        if (step.tool is None) == (step.model is None):
            detail = "Name either the tool or the model."
            faults.append(FieldError(f"/steps/{index}/tool", "tool_or_model", detail))
        if step.ended_at is not None and step.ended_at < step.started_at:
            detail = "It ended before it started."
            faults.append(FieldError(f"/steps/{index}/ended_at", "before_start", detail))
    if faults:
        raise invalid(faults)


def _new(conn: Connection[Any], run_id: UUID, steps: Sequence[StepReported]) -> list[StepReported]:
    """Those that were not told before; the run's lock holds until they are written."""
    calls = [step.call_id for step in steps if step.call_id]
    seen: set[tuple[str, int]] = set()
    if calls:
        seen = set(conn.execute(_SEEN, {"run": run_id, "calls": calls}).fetchall())
    fresh = []
    for step in steps:
        place = (step.call_id, step.attempt)
        if step.call_id and place in seen:
            continue
        seen.add(place)
        fresh.append(step)
    return fresh


def _rows(steps: Sequence[StepReported], first: int) -> list[StepRow]:
    return [
        StepRow(
            id=ids.uuid7(),
            number=number,
            kind="tool" if step.tool is not None else "model",
            name=step.tool or step.model or "",
            call_id=step.call_id,
            started_at=step.started_at,
            ended_at=step.ended_at,
            attempt=step.attempt,
            status=step.status,
            error=step.error,
            input_digest=parse_digest(step.input_digest) if step.input_digest else None,
            output_digest=parse_digest(step.output_digest) if step.output_digest else None,
            input_tokens=step.input_tokens,
            output_tokens=step.output_tokens,
            cost=micro(step.cost),
            labels=list(step.labels),
            trace_id=step.trace_id,
            span_id=step.span_id,
        )
        for number, step in enumerate(steps, first)
    ]


def _insert(
    conn: Connection[Any], caller: KeyContext, run_id: UUID, rows: Sequence[StepRow], at: datetime
) -> None:
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in _FIELDS}
    columns["cost"] = [None if cost is None else str(cost) for cost in columns["cost"]]
    columns["labels"] = [canonical(labels).decode() for labels in columns["labels"]]
    fact = Fact(
        caller.workspace_id,
        Actor.agent(caller.agent_id, key_id=caller.key_id),
        ("run", run_id),
        StepsReported(first=rows[0].number, count=len(rows)),
        {"steps": Commitment(content(rows), kept=False)},
    )
    conn.execute(
        _INSERT,
        {
            "workspace": caller.workspace_id,
            "run": run_id,
            "at": at,
            **columns,
            **event_rows([fact], at),
        },
    )


def content(rows: Sequence[StepRow]) -> bytes:
    """What a batch's event commits to: canonical JSON of its rows, as they can be read again."""
    return canonical([_told(row) for row in rows])


def _told(row: StepRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "kind": row.kind,
        "name": row.name,
        "call_id": row.call_id,
        "started_at": rfc3339(row.started_at),
        "ended_at": rfc3339(row.ended_at) if row.ended_at else None,
        "attempt": row.attempt,
        "status": row.status,
        "error": row.error,
        "input_digest": show_digest(row.input_digest) if row.input_digest else None,
        "output_digest": show_digest(row.output_digest) if row.output_digest else None,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost": None if row.cost is None else str(row.cost),
        "labels": row.labels,
        "trace_id": row.trace_id,
        "span_id": row.span_id,
    }


def listed(*, run_id: UUID, cursor: str | None, limit: int) -> Page[StepRow]:
    """The steps of a run in their order, for who was found to be allowed to see the run.

    Raises:
        Problem: 422 for a limit out of range or a foreign cursor.
    """
    paging.check_limit(limit)
    place = paging.decode(cursor, "number", 1) if cursor is not None else None
    backwards = place is not None and place.backwards
    values: dict[str, Any] = {"run": run_id, "limit": limit + 1, "number": 0}
    if place is not None:
        if not (place.key[0].isascii() and place.key[0].isdecimal() and len(place.key[0]) < 10):
            raise paging.not_ours()
        values["number"] = int(place.key[0])
    sign, way = ("<", "DESC") if backwards else (">", "ASC")
    with pool().connection() as conn:
        found = conn.execute(
            f"{_READ} WHERE run_id = %(run)s AND number {sign} %(number)s "
            f"ORDER BY number {way} LIMIT %(limit)s",
            values,
        ).fetchall()
    rows = [StepRow(*columns) for columns in found]
    return paging.page([([str(row.number)], row) for row in rows], limit, "number", place)


def last(*, run_id: UUID, limit: int) -> list[StepRow]:
    """The newest steps of a run, in their order, for who was found to be allowed to see the run."""
    with pool().connection() as conn:
        found = conn.execute(
            f"{_READ} WHERE run_id = %(run)s ORDER BY number DESC LIMIT %(limit)s",
            {"run": run_id, "limit": limit},
        ).fetchall()
    return [StepRow(*columns) for columns in reversed(found)]
