"""The slow truth: walks through a schedule minute by minute, and knows nothing of the fast one.

Clocks on the wall are read off each minute; turns are counted by passing one handover after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
WEEKDAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]


class NaiveShift:
    """A shift in plain values: hours are (weekdays, from, until) with times of one day."""

    def __init__(self, who, *, rotate, begin, until=None, hours=None, holidays=()):
        self.who = who
        self.rotate = rotate
        self.begin = begin
        self.until = until
        self.hours = hours
        self.holidays = holidays

    def answers(self, zone: ZoneInfo, minutes: list[datetime]) -> Iterator[tuple[str, ...] | None]:
        """Who is on duty in each minute by this shift; None: it covers none."""
        handovers = self._handovers(zone, minutes[-1])
        started = self.begin.replace(tzinfo=zone).astimezone(UTC)
        over = None if self.until is None else self.until.replace(tzinfo=zone).astimezone(UTC)
        turn, waiting = 0, next(handovers, None)
        for minute in minutes:
            while waiting is not None and minute >= waiting:
                turn, waiting = turn + 1, next(handovers, None)
            if (
                minute < started
                or (over is not None and minute >= over)
                or not self._open(minute.astimezone(zone))
            ):
                yield None
            elif self.rotate == "none":
                yield tuple(self.who)
            else:
                yield (self.who[turn % len(self.who)],)

    def _open(self, wall: datetime) -> bool:
        if self.hours is None:
            return True
        days, opens, closes = self.hours
        if wall.date() in self.holidays or WEEKDAYS[wall.weekday()] not in days:
            return False
        return bool(opens <= wall.time() < closes)

    def _handovers(self, zone: ZoneInfo, last: datetime) -> Iterator[datetime]:
        if self.rotate == "none":
            return
        if isinstance(self.rotate, timedelta):
            at = self.begin.replace(tzinfo=zone).astimezone(UTC)
            while at <= last:
                at += self.rotate
                yield at
            return
        local = self.begin
        at = local.replace(tzinfo=zone).astimezone(UTC)
        while at <= last:
            local = datetime.combine(
                date.fromordinal(local.toordinal() + (7 if self.rotate == "weekly" else 1)),
                time(local.hour, local.minute),
            )
            at = local.replace(tzinfo=zone).astimezone(UTC)
            yield at


def walk(shifts: list[NaiveShift], zone: ZoneInfo, minutes: list[datetime]):
    """Who is on duty in each minute: by the first shift that covers it."""
    for answers in zip(*(shift.answers(zone, minutes) for shift in shifts), strict=True):
        yield next((answer for answer in answers if answer is not None), ())
