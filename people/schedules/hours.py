"""Opening hours and public holidays, day by day: what libraries know, remembered.

Hours are read off the clock on the wall: an instant is open when the local time it has is.  So a day
on which clocks change has every open hour once less or once more, as people live it.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from holidays import country_holidays, list_supported_countries
from opening_hours import (  # type: ignore[attr-defined]  # its stubs leave ParserError out
    OpeningHours,
    ParserError,
    State,
)

from people.schedules.terms import Holidays

MAX_HOURS: Final = 200
DAY: Final = timedelta(days=1)
#: Days whose hours one object remembers: two years.
REMEMBERED: Final = 732

_HOLIDAY: Final = re.compile(r"\b(PH|SH)\b")
_SUN: Final = re.compile(r"\b(sunrise|sunset|dawn|dusk)\b", re.IGNORECASE)


@functools.cache
def zones() -> frozenset[str]:
    """The names of all time zones that this machine knows."""
    return frozenset(available_timezones())


def holidays_fault(country: str, subdivision: str | None) -> str | None:
    """What is wrong with these holidays, for people; None: they are known."""
    known = _countries()
    if country not in known:
        return f"No holidays are known of “{country}”: write a country's two letters, such as DE."
    if subdivision is not None and subdivision not in known[country]:
        parts = ", ".join(known[country][:20]) or "none"
        return f"No holidays are known of “{subdivision}” in {country}; its parts: {parts}."
    return None


@functools.cache
def _countries() -> dict[str, list[str]]:
    found: dict[str, list[str]] = list_supported_countries()
    return {country: parts for country, parts in found.items() if len(country) == 2}


@functools.lru_cache(maxsize=256)
def holidays_of(whose: Holidays, year: int) -> frozenset[date]:
    """The public holidays of one year."""
    return frozenset(country_holidays(whose.country, subdiv=whose.subdivision, years=year))


def hours_fault(text: str) -> str | None:
    """What is wrong with these opening hours, for people; None: they can be read."""
    if not 0 < len(text) <= MAX_HOURS:
        return f"Hours have 1 to {MAX_HOURS} characters, such as Mo-Fr 08:00-18:00."
    if _HOLIDAY.search(text):
        return "Holidays stand beside the shifts: write “holidays: DE” on the schedule."
    if _SUN.search(text):
        return "A schedule has no place whose sun could be asked: write times, such as 08:00."
    try:
        # A year of it: what the library cannot work out must show here, not when somebody is paged.
        list(OpeningHours(text).intervals(datetime(2028, 1, 1), datetime(2029, 1, 1)))  # noqa: DTZ001
    except ParserError:
        return (
            "These are no opening hours: write them as in Mo-Fr 08:00-18:00 or Sa,Su 10:00-14:00."
        )
    except BaseException as error:
        # The library's own panics are no Exception.
        if type(error).__name__ != "PanicException":
            raise
        return "These opening hours cannot be worked out: write simpler ones."
    return None


class Hours:
    """Opening hours in a time zone, with the holidays on which they do not count."""

    def __init__(self, text: str, zone: ZoneInfo, holidays: Holidays | None) -> None:
        self._hours = OpeningHours(text)
        self._zone = zone
        self._holidays = holidays
        self.of_day = functools.lru_cache(maxsize=REMEMBERED)(self._of_day)
        self.edges_of = functools.lru_cache(maxsize=REMEMBERED)(self._edges_of)

    def cover(self, at: datetime) -> bool:
        """Whether the local time that `at` has is an open one."""
        local = at.astimezone(self._zone).replace(tzinfo=None)
        return any(begin <= local < end for begin, end in self.of_day(local.date()))

    def next_edge(self, at: datetime, until: datetime) -> datetime | None:
        """The first instant after `at`, and before `until`, at which they may begin or end."""
        # From the day before: where clocks go back over midnight, it is not over yet.
        day = at.astimezone(self._zone).date() - DAY
        last = until.astimezone(self._zone).date()
        while day <= last:
            edges = self.edges_of(day)
            place = bisect_right(edges, at)
            if place < len(edges):
                return edges[place]
            day += DAY
        return None

    def _of_day(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The open times of a local day, in local time without zone."""
        if self._holidays is not None and day in holidays_of(self._holidays, day.year):
            return ()
        midnight = datetime.combine(day, time())
        return tuple(
            (begin, end)
            for begin, end, state, _ in self._hours.intervals(midnight, midnight + DAY)
            if state == State.OPEN
        )

    def _edges_of(self, day: date) -> tuple[datetime, ...]:
        """The instants of a local day at which they may begin or end, in order, in UTC."""
        edges = {
            instant(local, self._zone, fold)
            for span in self.of_day(day)
            for local in span
            for fold in (0, 1)
        }
        if edges:
            edges |= clock_change(day, self._zone)
        return tuple(sorted(edges))


def instant(local: datetime, zone: ZoneInfo, fold: int = 0) -> datetime:
    """The instant of a local time, in UTC.

    A time that does not exist counts with the offset before the clocks changed, and of a time that
    exists twice it is the first one (RFC 5545, 3.3.5); the second with `fold` 1.
    """
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


@functools.lru_cache(maxsize=2_048)
def clock_change(day: date, zone: ZoneInfo) -> frozenset[datetime]:
    """The instant of a local day at which its clocks change, if they do."""
    midnight = datetime.combine(day, time())
    low, high = instant(midnight, zone), instant(midnight + DAY, zone)
    before = low.astimezone(zone).utcoffset()
    if before == high.astimezone(zone).utcoffset():
        return frozenset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return frozenset({high.replace(microsecond=0)})
