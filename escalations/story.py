"""The clock of a request in full: the steps that were taken, and those that are to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import escalating
from core.db import pool
from escalations import records
from escalations.stepping import due_at, hours_of
from people.sql import NAME_OF

_TAKEN: Final = f"""
SELECT s.id, s.revision, s.stage, s.number, s.kind, s.target, s.state, s.cause, s.reason,
       {NAME_OF.format(person="s.by_id")}, s.told, s.due_at, s.at, s.undelivered_at
  FROM escalations_step s
 WHERE s.request_id = %(request)s ORDER BY s.at, s.number
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was taken or passed over; fields as in `escalations.models.Step`, ``by`` is a name."""

    id: UUID
    revision: int
    stage: int
    number: int
    does: str
    target: str
    state: str
    cause: str
    reason: str
    by: str | None
    told: int
    due_at: datetime
    at: datetime
    undelivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Coming:
    """A step of the open stage that is to come.  ``at`` is None where it comes too late to be taken."""

    number: int
    does: str
    target: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Clock:
    """Both, and whether the clock stands still because it is the agent's turn."""

    taken: tuple[Step, ...]
    coming: tuple[Coming, ...]
    stands_still: bool


def clock_of(request: UUID) -> Clock:
    """The clock of a request.  Who may know is the caller's to ask."""
    with pool().connection() as conn:
        taken = tuple(taken_of(conn, request))
        opens = escalating.read(conn, [request])
        if not opens:
            return Clock(taken, (), False)
        (one,) = opens
        done = {step.number for step in records.done(conn, opens)[request]}
        return Clock(
            taken,
            tuple(
                Coming(number, step.does, step.target, at)
                for number, (step, at) in enumerate(
                    zip(one.plan.escalation, due_at(one, hours_of(conn, one)), strict=True)
                )
                if number not in done
            ),
            one.stands_still,
        )


def taken_of(conn: Connection[Any], request: UUID) -> list[Step]:
    """The steps that were taken, the oldest first."""
    return [Step(*row) for row in conn.execute(_TAKEN, {"request": request}).fetchall()]
