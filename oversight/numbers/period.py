"""The time that numbers are of, as it is asked for, and a connection to count in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from threading import BoundedSemaphore
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from msgspec import Struct
from psycopg import Connection, errors

from audit.log import rfc3339
from core import db
from core.db import Unavailable
from core.problems import bad_query, clip, unavailable
from notifications.preferences import zones

DEFAULT: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=366)
#: Beyond these, clocks and databases begin to differ.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2200
#: How long one statement may count, and how long a call waits until it may begin.
STATEMENT_S: Final = 10
WAIT_S: Final = 5
#: How many count at the same time in one process: the others wait for their turn.
AT_ONCE: Final = 2

_WHEN: Final = "A day such as 2026-03-29, or an instant such as 2026-03-29T01:59:59Z, with its offset, from 2000 to 2200."
_SESSION: Final = """
SELECT set_config('statement_timeout', %s, true), set_config('TimeZone', 'UTC', true),
       set_config('work_mem', '64MB', true), set_config('jit', 'off', true)
"""
_turns: Final = BoundedSemaphore(AT_ONCE)


class OfPeriod(Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """What all numbers begin with: the time they are of."""

    since: str
    until: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant up to another, with the time zone in which days and hours are told."""

    since: datetime
    until: datetime
    timezone: str

    def told(self) -> dict[str, str]:
        """The members of `OfPeriod`."""
        return {
            "since": rfc3339(self.since),
            "until": rfc3339(self.until),
            "timezone": self.timezone,
        }

    def days(self) -> list[date]:
        """The days it touches, on the clocks of its time zone."""
        zone = ZoneInfo(self.timezone)
        first = self.since.astimezone(zone).date()
        last = (self.until - timedelta(microseconds=1)).astimezone(zone).date()
        return [first + timedelta(days=far) for far in range((last - first).days + 1)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be counted: of which workspace and time, and of one person alone where it is of people."""

    workspace: UUID
    period: Period
    person: UUID | None = None

    def span(self) -> dict[str, Any]:
        """The parameters of the folders' statements."""
        of = self.period
        return {
            "workspace": self.workspace,
            "since": of.since,
            "until": of.until,
            "zone": of.timezone,
        }


def period(since: str | None, until: str | None, timezone: str | None) -> Period:
    """What was typed, as a period: by default the last thirty days, in UTC.

    A day stands for its beginning in that time zone.

    Raises:
        Problem: 422 at ``from``, ``until`` or ``timezone``.
    """
    zone = timezone or "UTC"
    if zone not in zones():
        said = f"“{clip(zone)}” is no time zone: write one as Europe/Berlin, or UTC."
        raise bad_query("timezone", said)
    end = now() if until is None else _instant("until", until, zone)
    begin = end - DEFAULT if since is None else _instant("from", since, zone)
    if not begin < end:
        raise bad_query("from", "It must be earlier than `until`.")
    if end - begin > LONGEST:
        raise bad_query("from", f"At most {LONGEST.days} days may lie between it and `until`.")
    return Period(begin, end, zone)


def now() -> datetime:
    """The database's time."""
    with db.pool().connection() as conn:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM always answers
    found: datetime = row[0]
    return found


@contextmanager
def counting() -> Iterator[Connection[Any]]:
    """A connection on which the workspace stands still, planned for many rows and not for few.

    It is no connection of the pool, so that whoever counts a year keeps nobody from deciding.

    Raises:
        Problem: 422 at ``from`` where a statement takes longer than it may, at ``timezone`` where the
            database does not know it; 503 where too many count, or the database does not answer.
    """
    if not _turns.acquire(timeout=WAIT_S):
        raise unavailable("Too many count at once. Repeat this call shortly.", code="overloaded")
    try:
        named = f"{db.application_name()} numbers"
        with db.connect(application_name=named) as conn, conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            conn.execute(_SESSION, (f"{STATEMENT_S}s",))
            yield conn
    except errors.QueryCanceled as error:
        said = f"To count so much takes more than {STATEMENT_S} s: choose a shorter time."
        raise bad_query("from", said) from error
    except errors.InvalidParameterValue as error:
        raise bad_query("timezone", "The database does not know this time zone.") from error
    except psycopg.OperationalError as error:
        raise Unavailable from error
    finally:
        _turns.release()


def _instant(name: str, text: str, zone: str) -> datetime:
    try:
        if len(text) == len("2026-03-29"):
            found = datetime.combine(date.fromisoformat(text), time(), ZoneInfo(zone))
        else:
            found = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_query(name, _WHEN) from error
    if found.tzinfo is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise bad_query(name, _WHEN)
    return found.astimezone(UTC)
