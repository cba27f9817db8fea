"""Calendars (RFC 5545): from bytes that somebody sent to who is said to be on duty when.

Everything is bounded before a library sees it (`people.schedules.rules`), and expanded only from a day
ago to so far ahead.
"""

from __future__ import annotations

import re
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from core.emails import normal_email
from people.schedules.rules import MAX_OCCURRENCES, CalendarRefused, judged, too_many

BEHIND: Final = timedelta(days=1)
#: How long working on one calendar may take.
BUDGET_S: Final = 12.0

_EMAIL: Final = re.compile(r"[^@\s\"'<>(),:;\[\]]{1,64}@(?:[\w-]{1,63}\.)+[\w-]{1,63}")


@dataclass(frozen=True, slots=True)
class Said:
    """From `begin` until `end` these are on duty: addresses (normalised), or else one name."""

    begin: datetime
    end: datetime
    emails: tuple[str, ...]
    name: str = ""


def read(content: bytes, zone: ZoneInfo, now: datetime, ahead: timedelta) -> list[Said]:
    """Who a calendar says is on duty from a day before `now` until `ahead` after it.

    Args:
        zone: where days begin that have no time, and times that have no zone.

    Raises:
        CalendarRefused: it is no calendar, or takes too much to read.
    """
    begin, end = now - BEHIND, now + ahead
    text = judged(content, begin, end)
    until = clock.monotonic() + BUDGET_S
    found: list[Said] = []
    for event in _occurrences(_parsed(text), begin, end):
        said = _said(event, zone)
        if said is not None and said.begin < end and said.end > begin:
            found.append(said)
        if len(found) > MAX_OCCURRENCES:
            raise too_many()
        if clock.monotonic() > until:
            raise CalendarRefused("Its rules take too long to work out: write simpler ones.")
    return found


def _parsed(text: str) -> Any:
    try:
        calendar = Calendar.from_ical(text)
    except Exception as error:
        # The library knows many errors, and raises whatever its own dependencies do.
        raise CalendarRefused("This is no calendar: its lines cannot be read.") from error
    if calendar.name != "VCALENDAR":
        raise CalendarRefused("This is no calendar.")
    return calendar


def _occurrences(calendar: Any, begin: datetime, end: datetime) -> Iterator[Any]:
    """The events that reach into a time, each time that they come; one series after the other."""
    zones = calendar.walk("VTIMEZONE")
    for series in _series(calendar):
        alone = Calendar()
        if "X-WR-TIMEZONE" in calendar:
            alone.add("X-WR-TIMEZONE", calendar["X-WR-TIMEZONE"])
        for component in (*zones, *series):
            alone.add_component(component)
        try:
            # One series at a time: what is slow or broken is known by its name.
            yield from recurring_ical_events.of(alone).between(begin, end)
        except Exception as error:
            name = str(series[0].get("SUMMARY") or series[0].get("UID") or "without a name")
            raise CalendarRefused(f"The event “{name[:60]}” cannot be read.") from error


def _series(calendar: Any) -> list[list[Any]]:
    """Events by their id: what comes again stands with what was changed of it."""
    found: dict[str, list[Any]] = {}
    for number, event in enumerate(calendar.walk("VEVENT")):
        found.setdefault(str(event.get("UID", f"event {number}")), []).append(event)
    return list(found.values())


def _said(event: Any, zone: ZoneInfo) -> Said | None:
    """What one event says; None where it was cancelled."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    begin, end = _instant(event["DTSTART"].dt, zone), _instant(event["DTEND"].dt, zone)
    emails = tuple(dict.fromkeys(_attendees(event)))
    summary = str(event.get("SUMMARY", "")).strip()
    if not emails:
        emails = tuple(map(normal_email, _EMAIL.findall(summary)[:1]))
    return Said(begin, end, emails, "" if emails else summary)


def _attendees(event: Any) -> Iterator[str]:
    """The addresses of those who are asked and have not declined."""
    asked: Any = event.get("ATTENDEE", [])
    for one in asked if isinstance(asked, list) else [asked]:
        scheme, _, address = str(one).partition(":")
        declined = one.params.get("PARTSTAT", "").upper() == "DECLINED"
        if scheme.lower() == "mailto" and _EMAIL.fullmatch(address.strip()) and not declined:
            yield normal_email(address)


def _instant(said: date, zone: ZoneInfo) -> datetime:
    """The instant of a date, of a local time, or of a time with its zone; in UTC."""
    if not isinstance(said, datetime):
        said = datetime.combine(said, time())
    return (said if said.tzinfo is not None else said.replace(tzinfo=zone)).astimezone(UTC)
