"""Who is on duty: pure, by the instant.

An override beats every layer, the newest of several wins.  Else the first shift that covers the
instant says who.  Weekly and daily turns change at the same local time all year; a turn of some hours
counts the time that really passes.  Inside, every instant is in UTC: sums and comparisons of local times
that share a zone are those of the clock on the wall.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

from core import durations
from people.schedules.hours import Hours, instant
from people.schedules.terms import Schedule, Shift

#: How far `next_change` looks.
AHEAD: Final = timedelta(days=60)

_LOCAL_TURNS: Final = {"weekly": timedelta(days=7), "daily": timedelta(days=1)}
_BEGIN: Final = attrgetter("begin")


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody is on duty in place of everybody else, from `begin` until `end`."""

    who: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` until `end` the same people are on duty; nobody: a gap."""

    begin: datetime
    end: datetime
    who: tuple[str, ...]


def who(
    schedule: Schedule,
    at: datetime,
    overrides: Sequence[Override] = (),
    entries: Sequence[Span] = (),
) -> tuple[str, ...]:
    """The addresses on duty at an instant, in the order of the shift; empty: nobody.

    Args:
        overrides: those that count, the newest last.
        entries: what the schedule's calendar says, in order and without overlap.
    """
    at = at.astimezone(UTC)
    for override in reversed(overrides):
        if override.begin <= at < override.end:
            return (override.who,)
    if schedule.ical is not None:
        place = bisect_right(entries, at, key=_BEGIN) - 1
        return entries[place].who if place >= 0 and at < entries[place].end else ()
    for layer in _layers(schedule):
        if layer.covers(at):
            return layer.turn(at)
    return ()


def next_change(
    schedule: Schedule,
    at: datetime,
    overrides: Sequence[Override] = (),
    entries: Sequence[Span] = (),
    ahead: timedelta = AHEAD,
) -> datetime | None:
    """The first instant after `at` at which somebody else is on duty; None: not within `ahead`."""
    at = at.astimezone(UTC)
    now, until = who(schedule, at, overrides, entries), at + ahead
    edge = _next_edge(schedule, at, until, overrides, entries)
    while edge is not None:
        if who(schedule, edge, overrides, entries) != now:
            return edge
        edge = _next_edge(schedule, edge, until, overrides, entries)
    return None


def spans(
    schedule: Schedule,
    begin: datetime,
    end: datetime,
    overrides: Sequence[Override] = (),
    entries: Sequence[Span] = (),
) -> list[Span]:
    """Who is on duty from `begin` until `end`, without a hole, in UTC: gaps are spans with nobody."""
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    found: list[Span] = []
    while begin < end:
        upto = next_change(schedule, begin, overrides, entries, end - begin) or end
        found.append(Span(begin, upto, who(schedule, begin, overrides, entries)))
        begin = upto
    return found


def _next_edge(
    schedule: Schedule,
    at: datetime,
    until: datetime,
    overrides: Sequence[Override],
    entries: Sequence[Span],
) -> datetime | None:
    """The first instant after `at`, and before `until`, at which the answer may change."""
    edges = [edge for override in overrides for edge in (override.begin, override.end)]
    if schedule.ical is not None:
        place = bisect_right(entries, at, key=_BEGIN)
        edges += [entry.end for entry in entries[max(0, place - 1) : place]]
        edges += [entry.begin for entry in entries[place : place + 1]]
    else:
        for layer in _layers(schedule):
            edges += layer.edges(at, until)
    return min((edge for edge in edges if at < edge < until), default=None)


def open_at(schedule: Schedule, at: datetime) -> bool:
    """Whether the hours of any shift cover an instant, whoever is on duty then."""
    return any(layer.hours is not None and layer.covers(at) for layer in _layers(schedule))


def open_edge(schedule: Schedule, at: datetime, until: datetime) -> datetime | None:
    """The first instant after `at`, and before `until`, at which `open_at` may change."""
    layers = [layer for layer in _layers(schedule) if layer.hours is not None]
    edges = (edge for layer in layers for edge in layer.edges(at, until))
    return min((edge for edge in edges if at < edge < until), default=None)


class _Layer:
    """A shift made ready to be asked."""

    def __init__(self, shift: Shift, schedule: Schedule, zone: ZoneInfo) -> None:
        self._who = shift.who
        self._zone = zone
        self._local = shift.begin
        self._begin = None if shift.begin is None else instant(shift.begin, zone)
        self._until = None if shift.until is None else instant(shift.until, zone)
        holidays = None if shift.on_holidays else schedule.holidays
        self.hours = None if shift.hours is None else Hours(shift.hours, zone, holidays)
        turns = shift.rotate != "none" and shift.begin is not None
        self._days = _LOCAL_TURNS.get(shift.rotate) if turns else None
        self._length = durations.parse(shift.rotate) if turns and self._days is None else None

    def within(self, at: datetime) -> bool:
        """Whether it has begun and not ended."""
        return (self._begin is None or self._begin <= at) and (
            self._until is None or at < self._until
        )

    def covers(self, at: datetime) -> bool:
        """Whether it says who is on duty then."""
        return self.within(at) and (self.hours is None or self.hours.cover(at))

    def turn(self, at: datetime) -> tuple[str, ...]:
        """Whose turn it is; everybody's where nobody takes turns."""
        number = self._number(at)
        return self._who if number is None else (self._who[number % len(self._who)],)

    def edges(self, at: datetime, until: datetime) -> Iterator[datetime]:
        """Instants at which its answer may change; the first one after `at` is among them."""
        yield from (edge for edge in (self._begin, self._until) if edge is not None)
        if not self.within(at):
            return
        number = self._number(at)
        if number is not None:
            yield self._starts(number + 1)
        if self.hours is not None:
            edge = self.hours.next_edge(at, until)
            if edge is not None:
                yield edge

    def _number(self, at: datetime) -> int | None:
        """How many turns have ended before `at`; None: nobody takes turns."""
        if self._begin is None or self._local is None:
            return None
        if self._length is not None:
            return (at - self._begin) // self._length
        if self._days is None:
            return None
        local = at.astimezone(self._zone).replace(tzinfo=None)
        number = (local - self._local) // self._days
        # Where clocks change, the clock on the wall is up to some hours before or behind its turn.
        if at >= self._starts(number + 1):
            return number + 1
        return number - 1 if at < self._starts(number) else number

    def _starts(self, number: int) -> datetime:
        assert self._begin is not None  # noqa: S101  # whoever takes turns has begun
        assert self._local is not None  # noqa: S101
        if self._length is not None:
            return self._begin + number * self._length
        assert self._days is not None  # noqa: S101
        return instant(self._local + number * self._days, self._zone)


@functools.lru_cache(maxsize=1_024)
def _layers(schedule: Schedule) -> tuple[_Layer, ...]:
    zone = ZoneInfo(schedule.timezone)
    return tuple(_Layer(shift, schedule, zone) for shift in schedule.shifts)
