"""Overrides and swaps: somebody is on duty in place of whom the schedule says.

Whoever administers the workspace may override; so may those whom a schedule is about (the members of
a role that uses it, and the people it names), for themselves, or to hand their own shift to another of
them.  What has passed stays as it was: an override counts from now at the earliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from audit.actor import Actor
from audit.kinds import Data, ScheduleOverridden, ScheduleOverrideCancelled
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import ids
from core.db import pool
from core.problems import FieldError, Problem, conflict, forbidden, invalid, not_found
from people.schedules import duty
from people.schedules.terms import of_bytes
from people.sql import HOLD_PERSON, MEMBERSHIP_IS_VALID, PERSON_NAME, VALID_MEMBERSHIPS

LONGEST: Final = timedelta(days=92)
#: Overrides of one schedule that are not over.
MOST: Final = 500
#: How far ahead one may begin.
FURTHEST: Final = timedelta(days=366)

_HOLD: Final = """
SELECT id, spec FROM people_oncallschedule
 WHERE workspace_id = %(workspace)s AND name = %(name)s AND active
   FOR NO KEY UPDATE
"""
_NOW: Final = """
SELECT clock_timestamp(), (SELECT count(*) FROM people_override
                            WHERE schedule_id = %(schedule)s AND cancelled_at IS NULL
                              AND ends_at > clock_timestamp())
"""
#: Whom a schedule is about.
_ABOUT: Final = f"""
SELECT p.id FROM people_user u JOIN people_person p ON p.user_id = u.id
 WHERE u.email = ANY(%(emails)s::text[]) AND u.is_active
   AND p.workspace_id = %(workspace)s AND p.active
 UNION
SELECT m.person_id
  FROM people_role ro CROSS JOIN LATERAL (
       SELECT m.person_id FROM {VALID_MEMBERSHIPS}
        WHERE m.role_id = ro.id AND {MEMBERSHIP_IS_VALID}) AS m
 WHERE ro.workspace_id = %(workspace)s AND ro.schedule = %(name)s
"""
_PERSON_HERE: Final = f"""
SELECT held.acts FROM ({HOLD_PERSON.format(person="%(person)s")}) AS held
  JOIN people_person p ON p.id = held.id AND p.workspace_id = %(workspace)s
"""
_INSERT: Final = f"""
WITH made AS (
    INSERT INTO people_override (id, workspace_id, schedule_id, person_id, begins_at, ends_at,
                                 created_by_id, created_at)
    SELECT o.id, %(workspace)s::uuid, %(schedule)s::uuid, o.person, o.begins, o.ends, %(by)s::uuid,
           %(at)s::timestamptz
      FROM unnest(%(ids)s::uuid[], %(people)s::uuid[], %(begins)s::timestamptz[],
                  %(ends)s::timestamptz[]) AS o (id, person, begins, ends)
),
{INSERT_EVENTS}
SELECT 1
"""
_ONE: Final = """
SELECT o.person_id, o.created_by_id, o.begins_at, o.ends_at, o.cancelled_at
  FROM people_override o WHERE o.id = %(override)s AND o.schedule_id = %(schedule)s
   FOR NO KEY UPDATE
"""
_CANCEL: Final = f"""
WITH ended AS (
    UPDATE people_override
       SET cancelled_at = CASE WHEN begins_at < %(at)s::timestamptz THEN NULL ELSE %(at)s::timestamptz END,
           ends_at = CASE WHEN begins_at < %(at)s::timestamptz THEN %(at)s::timestamptz ELSE ends_at END
     WHERE id = %(override)s
),
{INSERT_EVENTS}
SELECT 1
"""
_STANDING: Final = f"""
SELECT o.id, o.person_id, {PERSON_NAME.format(user="u")}, o.begins_at, o.ends_at, o.created_by_id, o.created_at
  FROM people_override o
  JOIN people_oncallschedule s ON s.id = o.schedule_id AND s.active
  JOIN people_person p ON p.id = o.person_id JOIN people_user u ON u.id = p.user_id
 WHERE s.workspace_id = %(workspace)s AND s.name = %(name)s AND o.cancelled_at IS NULL
   AND o.ends_at > %(begin)s AND o.begins_at < %(end)s
 ORDER BY o.begins_at, o.id
"""


@dataclass(frozen=True, slots=True)
class Who:
    """Who overrides: a person with what they may, or an operator (no person), who may everything."""

    person: UUID | None
    administers: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody who shall be on duty, and when; `at` is where the call says so, for errors."""

    person: UUID
    begins_at: datetime
    ends_at: datetime
    at: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """An override that counts."""

    id: UUID
    person: UUID
    name: str
    begins_at: datetime
    ends_at: datetime
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Held:
    """A schedule that is held still, and the database's clock since then."""

    workspace: UUID
    id: UUID
    name: str
    about: frozenset[UUID]
    now: datetime
    standing: int


def override(*, actor: Actor, workspace: UUID, schedule: str, wanted: Wanted, who: Who) -> UUID:
    """Put somebody on duty in place of whom the schedule says; the id of the override.

    Raises:
        Problem: 404 no such schedule; 403 ``not_yours``; 409 ``too_many_overrides``; 422 for what does
            not fit.
    """
    with pool().connection() as conn, conn.transaction():
        held = _hold(conn, workspace, schedule)
        one = _checked(conn, held, wanted)
        _must_be_allowed(conn, held, one, who)
        return _write(conn, actor, held, [one], who)[0]


def swap(
    *,
    actor: Actor,
    workspace: UUID,
    schedule: str,
    gives: Wanted,
    takes: Wanted,
    who: Who,
) -> tuple[UUID, UUID]:
    """Two people change places: each is on duty in a time in which the other would be.

    Args:
        gives: the other one, in the time of the one who swaps.
        takes: the one who swaps, in the time of the other one.

    Raises:
        Problem: as `override`; 422 ``not_on_duty`` where one of them has no such time to give, and
            ``same_time`` where the two times overlap.
    """
    with pool().connection() as conn, conn.transaction():
        held = _hold(conn, workspace, schedule)
        if gives.person == takes.person:
            detail = "Two different people change places."
            raise invalid([FieldError(f"{gives.at}/with", "same_person", detail)])
        if not who.administers and takes.person != who.person:
            raise _not_yours()
        first, second = _checked(conn, held, gives), _checked(conn, held, takes)
        if first.begins_at < second.ends_at and second.begins_at < first.ends_at:
            # One of the two overrides would silently beat the other.
            detail = "The two times overlap: change two different ones."
            raise invalid([FieldError(f"{takes.at}/begins_at", "same_time", detail)])
        for one, giver in ((first, takes.person), (second, gives.person)):
            if not who.administers and one.person not in held.about:
                raise _not_yours()
            if not _on_duty_throughout(conn, held, one, giver):
                detail = "Whoever gives this time away is not on duty in all of it."
                raise invalid([FieldError(f"{one.at}/begins_at", "not_on_duty", detail)])
        made = _write(conn, actor, held, [first, second], who)
        return made[0], made[1]


def cancel(*, actor: Actor, workspace: UUID, schedule: str, override: UUID, who: Who) -> None:
    """Take an override back; one that has begun ends now, and what has passed stays.

    Raises:
        Problem: 404 no such schedule or override; 403 ``not_yours``; 409 ``override_over``.
    """
    with pool().connection() as conn, conn.transaction():
        held = _hold(conn, workspace, schedule)
        values: dict[str, Any] = {"override": override, "schedule": held.id, "at": held.now}
        row = conn.execute(_ONE, values).fetchone()
        if row is None:
            raise not_found()
        person, created_by, _, ends_at, cancelled_at = row
        if not who.administers and who.person not in (person, created_by):
            raise _not_yours()
        if cancelled_at is not None or ends_at <= held.now:
            raise conflict("override_over", "It was taken back already, or it has ended.")
        data = ScheduleOverrideCancelled(name=held.name, person=ids.encode("per", person))
        conn.execute(_CANCEL, values | _events(actor, held, [(override, data)]))


def standing(
    conn: psycopg.Connection[Any], workspace: UUID, name: str, begin: datetime, end: datetime
) -> list[Standing]:
    """The overrides of a schedule that reach into a time, in order of their beginning."""
    values = {"workspace": workspace, "name": name, "begin": begin, "end": end}
    return [Standing(*row) for row in conn.execute(_STANDING, values).fetchall()]


def about(conn: psycopg.Connection[Any], workspace: UUID, name: str) -> frozenset[UUID]:
    """The active people whom a schedule is about: it names them, or a role of theirs uses it."""
    spec = duty.spec_of(conn, workspace, name)
    return frozenset() if spec is None else _about(conn, workspace, name, spec.people)


def _about(
    conn: psycopg.Connection[Any], workspace: UUID, name: str, emails: frozenset[str]
) -> frozenset[UUID]:
    values = {"workspace": workspace, "name": name, "emails": sorted(emails)}
    return frozenset(row[0] for row in conn.execute(_ABOUT, values).fetchall())


def _hold(conn: psycopg.Connection[Any], workspace: UUID, name: str) -> _Held:
    """The schedule, held until the transaction ends: overrides of it are made one after the other."""
    row = conn.execute(_HOLD, {"workspace": workspace, "name": name}).fetchone()
    if row is None:
        raise not_found()
    people = _about(conn, workspace, name, of_bytes(bytes(row[1])).people)
    found = conn.execute(_NOW, {"schedule": row[0]}).fetchone()
    assert found is not None  # noqa: S101  # a SELECT without FROM always answers
    return _Held(workspace, row[0], name, people, found[0], found[1])


def _checked(conn: psycopg.Connection[Any], held: _Held, wanted: Wanted) -> Wanted:
    """What is wanted, from now on at the earliest."""
    begins = max(wanted.begins_at, held.now)
    fault = None
    if wanted.ends_at <= wanted.begins_at:
        fault = ("ends_at", "ends_before_it_begins", "It ends after it begins.")
    elif wanted.ends_at <= held.now:
        fault = ("ends_at", "past", "This time has passed: what was then stays as it was.")
    elif wanted.ends_at - begins > LONGEST:
        detail = f"At most {LONGEST.days} days: change the policy for what lasts longer."
        fault = ("ends_at", "too_long", detail)
    elif begins > held.now + FURTHEST:
        fault = ("begins_at", "too_far", f"At most {FURTHEST.days} days ahead.")
    if fault is not None:
        raise invalid([FieldError(f"{wanted.at}/{fault[0]}", fault[1], fault[2])])
    values = {"person": wanted.person, "workspace": held.workspace}
    row = conn.execute(_PERSON_HERE, values).fetchone()
    if row is None or not row[0]:
        code, detail = (
            ("unknown_person", "This is nobody in this workspace.")
            if row is None
            else ("inactive_person", "They were deactivated: name somebody who is active.")
        )
        raise invalid([FieldError(f"{wanted.at}/person", code, detail)])
    return Wanted(wanted.person, begins, wanted.ends_at, wanted.at)


def _must_be_allowed(conn: psycopg.Connection[Any], held: _Held, wanted: Wanted, who: Who) -> None:
    if who.administers:
        return
    if who.person is None or who.person not in held.about or wanted.person not in held.about:
        raise _not_yours()
    if wanted.person != who.person and not _on_duty_throughout(conn, held, wanted, who.person):
        raise _not_yours()


def _on_duty_throughout(
    conn: psycopg.Connection[Any], held: _Held, wanted: Wanted, person: UUID
) -> bool:
    found = duty.spans(conn, held.workspace, held.name, wanted.begins_at, wanted.ends_at)
    return all(person in (one.id for one in span.who) for span in found)


def _write(
    conn: psycopg.Connection[Any], actor: Actor, held: _Held, wanted: Sequence[Wanted], who: Who
) -> list[UUID]:
    if held.standing + len(wanted) > MOST:
        detail = f"At most {MOST} overrides stand: change the policy for what comes again."
        raise conflict("too_many_overrides", detail)
    made = [ids.uuid7() for _ in wanted]
    facts = [
        (
            id,
            ScheduleOverridden(
                name=held.name,
                person=ids.encode("per", one.person),
                begins_at=rfc3339(one.begins_at),
                ends_at=rfc3339(one.ends_at),
            ),
        )
        for id, one in zip(made, wanted, strict=True)
    ]
    values = {
        "workspace": held.workspace,
        "schedule": held.id,
        "by": who.person,
        "at": held.now,
        "ids": made,
        "people": [one.person for one in wanted],
        "begins": [one.begins_at for one in wanted],
        "ends": [one.ends_at for one in wanted],
    }
    conn.execute(_INSERT, values | _events(actor, held, facts))
    return made


def _events(actor: Actor, held: _Held, facts: Sequence[tuple[UUID, Data]]) -> dict[str, list[Any]]:
    rows = [Fact(held.workspace, actor, ("ovr", id), data) for id, data in facts]
    return event_rows(rows, held.now)


def _not_yours() -> Problem:
    return forbidden(
        "Those whom a schedule is about take shifts themselves, or hand their own to one of them; "
        "administrators override for everybody.",
        code="not_yours",
    )
