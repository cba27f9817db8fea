"""What a schedule is: layers of shifts in a time zone, or a calendar that others keep.

A `Schedule` is what the policy's document says, and what is stored of it: `to_bytes` and `of_bytes`
are the inverse of each other.  Addresses are normalised (`core.emails`).
"""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Final

import msgspec

from core.canonical import canonical

#: What `Schedule.ical` says where the calendar is handed in by people.
UPLOADED: Final = "uploaded"
#: What `Shift.rotate` may say beside a duration.
ROTATIONS: Final = ("weekly", "daily", "none")


class Shift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """One layer: who takes turns, how, from when until when (local times), and at which hours.

    `rotate` is one of `ROTATIONS` or a duration as `core.durations` reads it.  Without `begin` it has
    always been so, without `until` it stays so, without `hours` (OSM opening_hours) it is day and night.
    """

    who: tuple[str, ...]
    rotate: str = "none"
    begin: datetime | None = msgspec.field(name="from", default=None)
    until: datetime | None = None
    hours: str | None = None
    #: Whether `hours` count on holidays as on other days.
    on_holidays: bool = False


class Holidays(msgspec.Struct, frozen=True, omit_defaults=True, cache_hash=True):
    """Whose public holidays: a country (ISO 3166-1), and a part of it (ISO 3166-2 without the country)."""

    country: str
    subdivision: str | None = None


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """Who is on duty when.  Shifts stand in order: the first that covers an instant says who.

    Either `shifts` or `ical` (an https address, or `UPLOADED`) is there.
    """

    timezone: str
    shifts: tuple[Shift, ...] = ()
    holidays: Holidays | None = None
    ical: str | None = None

    @property
    def people(self) -> frozenset[str]:
        """The addresses that stand in it."""
        return frozenset(email for shift in self.shifts for email in shift.who)


def to_bytes(schedule: Schedule) -> bytes:
    """The canonical JSON of a schedule."""
    return canonical(msgspec.to_builtins(schedule))


@functools.lru_cache(maxsize=1_024)
def of_bytes(spec: bytes) -> Schedule:
    """The schedule that `to_bytes` wrote; the same object for the same bytes, while it is remembered.

    Raises:
        msgspec.ValidationError: these bytes are none.
    """
    return msgspec.json.decode(spec, type=Schedule)
