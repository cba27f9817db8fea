"""Schedules as people look at them: who is on duty, who is next, and where nobody is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from core.http import origin
from people.schedules import duty, overrides, taking
from people.schedules.duty import OnDuty, Span
from people.schedules.hours import instant
from people.schedules.loading import load
from people.schedules.overrides import Standing
from people.schedules.services import source_of
from people.schedules.taking import State

#: What is looked at unless somebody asks for another time.
DAYS: Final = 14
MOST_DAYS: Final = 62
_CLOCK: Final = "SELECT clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Overview:
    """A schedule from `begin` until `end`, and who is on duty at `now`."""

    name: str
    timezone: str
    #: ``shifts``, ``url`` or ``uploaded``.
    source: str
    now: datetime
    on_duty: tuple[OnDuty, ...]
    next_change: datetime | None
    begin: datetime
    end: datetime
    spans: tuple[Span, ...]

    @property
    def gaps(self) -> tuple[Span, ...]:
        """The times in which nobody is on duty."""
        return tuple(span for span in self.spans if span.gap)

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Detail:
    """A schedule with its overrides and its calendar; `about` are those whom it is about."""

    overview: Overview
    overrides: tuple[Standing, ...]
    calendar: State | None
    about: frozenset[UUID]

    @property
    def place(self) -> str | None:
        """Where its calendar is, without what may be a secret behind the host."""
        if self.calendar is None or not self.calendar.source:
            return None
        return origin(self.calendar.source)


def clock(conn: psycopg.Connection[Any]) -> datetime:
    """The database's clock, in UTC."""
    row = conn.execute(_CLOCK).fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM always answers
    at: datetime = row[0]
    return at.astimezone(UTC)


def overviews(
    conn: psycopg.Connection[Any],
    workspace: UUID,
    *,
    names: Collection[str] | None = None,
    at: datetime | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> list[Overview]:
    """The schedules of a workspace (only those of these names), by name.

    Args:
        at: the instant that counts as now; none: the database's clock.
        begin, end: the time that is looked at; none: from that instant, and for `DAYS`.
    """
    now = at or clock(conn)
    start = begin or now
    end = end or start + timedelta(days=DAYS)
    spans = duty.all_spans(conn, workspace, names, start, end)
    on_duty = duty.all_spans(conn, workspace, names, now, now + timedelta(microseconds=1))
    return [
        Overview(
            one.name,
            one.schedule.timezone,
            source_of(one.schedule),
            now,
            on_duty[one.name][0].who,
            duty.next_change(conn, workspace, [one.name], now),
            start,
            end,
            tuple(spans[one.name]),
        )
        for one in load(conn, workspace, names, now, now)
        if one.name in spans and one.name in on_duty
    ]


def detail(
    conn: psycopg.Connection[Any],
    workspace: UUID,
    name: str,
    *,
    at: datetime | None = None,
    begin: datetime | None = None,
    days: int = DAYS,
) -> Detail | None:
    """One schedule with all there is to see of it, for so many days of its zone; None: it is not declared."""
    terms = duty.spec_of(conn, workspace, name)
    if terms is None:
        return None
    start = begin or at or clock(conn)
    end = later(start, days, ZoneInfo(terms.timezone))
    found = overviews(conn, workspace, names=[name], at=at, begin=start, end=end)
    if not found:
        return None
    one = found[0]
    return Detail(
        one,
        tuple(overrides.standing(conn, workspace, name, one.begin, one.end)),
        taking.state(conn, workspace, name),
        overrides.about(conn, workspace, name),
    )


def later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time so many days later, in UTC: a day on which clocks change is a day."""
    local = at.astimezone(zone).replace(tzinfo=None)
    return instant(local + timedelta(days=days), zone)
