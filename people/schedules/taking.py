"""What a calendar said becomes what is kept of it: rows and events of feeds, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from audit.actor import Actor
from audit.kinds import (
    Data,
    ScheduleCalendarFailed,
    ScheduleCalendarRead,
    ScheduleCalendarRecovered,
)
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core.canonical import digest
from core.due import SETTLE_DUE, Claimed
from people.schedules.entries import Stint, TooMuch, merged, to_bytes
from people.schedules.ical import Said
from people.schedules.rules import too_many
from people.sql import PERSON_IS_ACTIVE

LONGEST_REASON: Final = 500
LONGEST_ETAG: Final = 200

_COLUMNS: Final = """
SELECT f.id, f.workspace_id, s.id, s.name, s.spec, f.source, f.etag, f.digest, f.entries IS NOT NULL,
       f.expanded_at, f.failures, clock_timestamp()
  FROM people_feed f JOIN people_oncallschedule s ON s.id = f.schedule_id AND s.active
"""
_ONE: Final = f"{_COLUMNS} WHERE f.id = %(feed)s"
_OF_SCHEDULE: Final = """
SELECT s.id, s.name, s.spec, f.id, coalesce(f.source, ''), clock_timestamp()
  FROM people_oncallschedule s LEFT JOIN people_feed f ON f.schedule_id = s.id
 WHERE s.workspace_id = %(workspace)s AND s.name = %(name)s AND s.active
"""
# The schedule is not held: whoever changes it takes this row after it, and reads or drops it then.
_HOLD: Final = f"{_COLUMNS} WHERE f.id = %(feed)s FOR NO KEY UPDATE OF f"
_EMAILS: Final = """
SELECT u.email, p.id FROM people_user u JOIN people_person p ON p.user_id = u.id
 WHERE u.email = ANY(%(emails)s::text[]) AND p.workspace_id = %(workspace)s
"""
#: Names that one active person alone has.
_NAMES: Final = f"""
SELECT lower(u.name), (array_agg(p.id))[1]
  FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.workspace_id = %(workspace)s AND {PERSON_IS_ACTIVE.format(person="p", user="u")}
   AND lower(u.name) = ANY(SELECT lower(one) FROM unnest(%(names)s::text[]) AS one)
 GROUP BY lower(u.name) HAVING count(*) = 1
"""
_TAKE: Final = f"""
WITH taken AS (
    UPDATE people_feed
       SET entries = %(entries)s, expanded_at = %(at)s, reaches = %(reaches)s, events = %(events)s,
           unknown = %(unknown)s, digest = %(digest)s, etag = %(etag)s, fetched_at = %(at)s,
           failed_at = NULL, failures = 0, reason = ''
     WHERE id = %(feed)s
),
{INSERT_EVENTS}
SELECT 1
"""
_CONFIRM: Final = f"""
WITH confirmed AS (
    UPDATE people_feed SET fetched_at = %(at)s, failed_at = NULL, failures = 0, reason = ''
     WHERE id = %(feed)s
),
{INSERT_EVENTS}
SELECT 1
"""
_FAIL: Final = f"""
WITH failed AS (
    UPDATE people_feed
       SET failed_at = coalesce(failed_at, %(at)s::timestamptz), failures = failures + 1,
           reason = %(reason)s
     WHERE id = %(feed)s
),
{INSERT_EVENTS}
SELECT 1
"""
_SETTLE: Final = (
    f"WITH {SETTLE_DUE} SELECT (SELECT count(*) FROM kept) + (SELECT count(*) FROM again)"
)
_STATE: Final = """
SELECT f.source, f.fetched_at, f.reaches, f.events, f.unknown, f.failed_at, f.reason
  FROM people_feed f JOIN people_oncallschedule s ON s.id = f.schedule_id AND s.active
 WHERE s.workspace_id = %(workspace)s AND s.name = %(name)s
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar of a schedule, as it stood at `now` by the database's clock."""

    id: UUID
    workspace: UUID
    schedule: UUID
    name: str
    spec: bytes
    source: str
    etag: str
    digest: bytes | None
    was_read: bool
    expanded_at: datetime | None
    failures: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken: how many times somebody is on duty, and names that are nobody's here."""

    events: int
    unknown: int
    reaches: datetime


@dataclass(frozen=True, slots=True)
class State:
    """How a calendar fares; `source` is empty where people hand it in."""

    source: str
    fetched_at: datetime | None
    reaches: datetime | None
    events: int
    unknown: int
    failed_at: datetime | None
    reason: str


def of_feed(conn: psycopg.Connection[Any], feed: UUID) -> Feed | None:
    """The calendar of this id; None where its schedule is gone, or has another one."""
    row = conn.execute(_ONE, {"feed": feed}).fetchone()
    return None if row is None else Feed(*row)


def of_schedule(conn: psycopg.Connection[Any], workspace: UUID, name: str) -> Feed | None:
    """The calendar of a schedule, with an id of none where it has no calendar; None: no such schedule."""
    row = conn.execute(_OF_SCHEDULE, {"workspace": workspace, "name": name}).fetchone()
    if row is None:
        return None
    id, name, spec, feed, source, now = row
    return Feed(feed or id, workspace, id, name, bytes(spec), source, "", None, False, None, 0, now)


def state(conn: psycopg.Connection[Any], workspace: UUID, name: str) -> State | None:
    """How the calendar of a schedule fares; None where it has none."""
    row = conn.execute(_STATE, {"workspace": workspace, "name": name}).fetchone()
    return None if row is None else State(*row)


def hold(conn: psycopg.Connection[Any], feed: Feed) -> Feed | None:
    """The calendar, held until the transaction ends; None where it is another one by now."""
    row = conn.execute(_HOLD, {"feed": feed.id}).fetchone()
    held = None if row is None else Feed(*row)
    if held is None or (held.source, bytes(held.spec)) != (feed.source, bytes(feed.spec)):
        return None
    return held


def settle(conn: psycopg.Connection[Any], row: Claimed, again: datetime | None) -> bool:
    """Let a claimed row fall due again, or finish it; False where it is somebody else's by now."""
    values = {"due_id": [row.id], "due_fence": [row.fence], "due_again": [again]}
    found = conn.execute(_SETTLE, values).fetchone()
    return found is not None and found[0] == 1


def take(
    conn: psycopg.Connection[Any],
    actor: Actor,
    feed: Feed,
    content: bytes,
    said: Sequence[Said],
    reaches: datetime,
    etag: str = "",
) -> Taken:
    """Keep what a calendar said in place of what it said before.

    Raises:
        CalendarRefused: too many of its events overlap.
    """
    stints, unknown = _resolved(conn, feed.workspace, said)
    try:
        entries = to_bytes(merged(stints))
    except TooMuch:
        raise too_many() from None
    facts: list[tuple[Data, bytes | None]] = []
    if feed.failures:
        facts.append((ScheduleCalendarRecovered(name=feed.name), None))
    seal = digest(content)
    if feed.digest is None or bytes(feed.digest) != seal:
        source = "url" if feed.source else "uploaded"
        read = ScheduleCalendarRead(
            name=feed.name, source=source, events=len(stints), unknown=unknown
        )
        facts.append((read, content))
    values = {
        "feed": feed.id,
        "entries": entries,
        "reaches": reaches,
        "events": len(stints),
        "unknown": unknown,
        "digest": seal,
        "etag": etag if len(etag) <= LONGEST_ETAG else "",
        "at": feed.now,
    }
    conn.execute(_TAKE, values | _events(actor, feed, facts))
    return Taken(len(stints), unknown, reaches)


def confirm(conn: psycopg.Connection[Any], feed: Feed) -> None:
    """Say that a calendar was read and says what it said before."""
    facts: list[tuple[Data, bytes | None]] = []
    if feed.failures:
        facts.append((ScheduleCalendarRecovered(name=feed.name), None))
    events = _events(Actor.system("calendars"), feed, facts)
    conn.execute(_CONFIRM, {"feed": feed.id, "at": feed.now} | events)


def fail(conn: psycopg.Connection[Any], feed: Feed, reason: str) -> None:
    """Say that a calendar could not be read; what it said is kept, and the first failure is an event."""
    facts: list[tuple[Data, bytes | None]] = []
    if not feed.failures:
        facts.append((ScheduleCalendarFailed(name=feed.name), None))
    values = {"feed": feed.id, "at": feed.now, "reason": reason[:LONGEST_REASON]}
    conn.execute(_FAIL, values | _events(Actor.system("calendars"), feed, facts))


def _resolved(
    conn: psycopg.Connection[Any], workspace: UUID, said: Sequence[Said]
) -> tuple[list[Stint], int]:
    """Who is on duty when, and how many addresses and names are nobody's."""
    emails = {email for one in said for email in one.emails}
    names = {_same_name(one.name) for one in said if one.name}
    values = {"workspace": workspace, "emails": sorted(emails), "names": sorted(names)}
    people: dict[str, UUID] = dict(conn.execute(_EMAILS, values).fetchall())
    named: dict[str, UUID] = {
        _same_name(name): id for name, id in conn.execute(_NAMES, values).fetchall()
    }
    stints = []
    for one in said:
        who = {people[email] for email in one.emails if email in people}
        if one.name and _same_name(one.name) in named:
            who.add(named[_same_name(one.name)])
        if who:
            stints.append(Stint(one.begin, one.end, frozenset(who)))
    return stints, len(emails - people.keys()) + len(names - named.keys())


def _same_name(name: str) -> str:
    """One spelling of a name that was written with other capitals or spaces around it."""
    return name.strip().lower()


def _events(
    actor: Actor, feed: Feed, facts: Sequence[tuple[Data, bytes | None]]
) -> dict[str, list[Any]]:
    rows = [
        Fact(
            feed.workspace,
            actor,
            ("sch", feed.schedule),
            data,
            {} if content is None else {"calendar": Commitment(content, kept=False)},
        )
        for data, content in facts
    ]
    return event_rows(rows, feed.now)
