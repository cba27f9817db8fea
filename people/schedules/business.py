"""Time that counts only while somebody could be at work: ``4h of business``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from people.schedules.rotation import open_at, open_edge
from people.schedules.terms import Schedule

#: How far an instant may lie ahead.
AHEAD: Final = timedelta(days=366)


def add(schedule: Schedule, at: datetime, amount: timedelta) -> datetime | None:
    """The instant at which so much open time has passed since `at`; None: not within `AHEAD`.

    Open is what the hours of any shift cover, while that shift is in force, its holidays left out.
    Where no shift has hours, all time is.  What passes is real time, also where clocks change; the
    instant is in UTC.
    """
    at = at.astimezone(UTC)
    if not any(shift.hours for shift in schedule.shifts):
        return at + amount if amount <= AHEAD else None
    left, until = amount, at + AHEAD
    while at < until:
        edge = open_edge(schedule, at, until) or until
        if open_at(schedule, at):
            if at + left <= edge:
                return at + left
            left -= edge - at
        at = edge
    return None
