"""What a calendar would cost, read off its lines before a library works on it: pure.

A few bytes of a rule can ask for years of work.  So rules are counted and judged first, and everything
that is refused is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from core.problems import clip

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_EVENTS: Final = 10_000
MAX_OCCURRENCES: Final = 20_000
#: How often rules may have come true since they began: each time is walked through.
MAX_STEPS: Final = 200_000
#: Times a day at most.
MOST_A_DAY: Final = 24

_PER_DAY: Final = {
    "HOURLY": 24.0,
    "DAILY": 1.0,
    "WEEKLY": 1 / 7,
    "MONTHLY": 1 / 28,
    "YEARLY": 1 / 365,
}
#: Parts of a rule that some frequencies could search for in vain until the year 9999.
_FITTING: Final = {
    "HOURLY": {"BYDAY", "BYHOUR", "BYMONTH"},
    "DAILY": {"BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND", "BYMONTH"},
    "WEEKLY": {"BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND", "BYMONTH"},
}
_ALWAYS: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_SPLIT: Final = re.compile(r"[:;]")


class CalendarRefused(ValueError):
    """A calendar cannot be read; the text says why, and what to do, for people."""


@dataclass(slots=True)
class _Event:
    uid: str = ""
    summary: str = ""
    begins: datetime | None = None
    rules: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"“{clip(self.summary or self.uid or 'without a name')}”"


@dataclass(slots=True)
class _Cost:
    events: int = 0
    occurrences: float = 0.0
    steps: float = 0.0


def judged(content: bytes, begin: datetime, end: datetime) -> str:
    """The text of a calendar whose expansion from `begin` to `end` costs no more than it may.

    Raises:
        CalendarRefused: it is no calendar, or costs too much.
    """
    if len(content) > MAX_BYTES:
        raise too_long()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalendarRefused("This is no calendar: it is not text in UTF-8.") from None
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise CalendarRefused("This is no calendar: it does not begin with BEGIN:VCALENDAR.")
    cost = _Cost()
    for event in _events(text):
        cost.events += 1
        if cost.events > MAX_EVENTS:
            raise CalendarRefused(f"It has more than {MAX_EVENTS:,} events: take out what is over.")
        for rule in event.rules:
            _add(cost, event, _parts(rule), begin, end)
    return text


def too_long() -> CalendarRefused:
    """What to say of a calendar with too many bytes."""
    return CalendarRefused(
        f"It is longer than {MAX_BYTES // 1024 // 1024} MiB: give the address of a smaller calendar, "
        "one that holds the shifts alone."
    )


def too_many() -> CalendarRefused:
    """What to say of a calendar whose events come too often."""
    return CalendarRefused(
        f"Its events come more than {MAX_OCCURRENCES:,} times in the time that is looked at: "
        "let rules come less often, or take events out."
    )


def _events(text: str) -> Iterator[_Event]:
    """The events of a calendar with what counts of them, in its order; rules of time zones are judged here."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    event: _Event | None = None
    within: list[str] = []
    for line in unfolded.splitlines():
        name = _SPLIT.split(line, maxsplit=1)[0].upper()
        value = line.rpartition(":")[2] if name == "RRULE" else line.partition(":")[2]
        if name == "BEGIN":
            within.append(value.strip().upper())
            event = _Event() if within[-1] == "VEVENT" else event
        elif name == "END":
            if within and within.pop() == "VEVENT" and event is not None:
                yield event
                event = None
        elif name in ("RRULE", "EXRULE") and "VTIMEZONE" in within:
            if _parts(value).get("FREQ") not in ("YEARLY", "MONTHLY"):
                raise CalendarRefused("A time zone in it changes more often than every month.")
        elif event is not None and within[-1] == "VEVENT":
            _take(event, name, value, line)


def _take(event: _Event, name: str, value: str, line: str) -> None:
    match name:
        case "UID":
            event.uid = value
        case "SUMMARY":
            event.summary = value
        case "DTSTART":
            event.begins = _day(line.rpartition(":")[2])
        case "RRULE" | "EXRULE":
            event.rules.append(value)
        case _:
            pass


def _parts(rule: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in rule.strip().upper().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _day(text: str) -> datetime | None:
    match = _DAY.match(text)
    try:
        return datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC) if match else None
    except ValueError:
        return None


def _add(cost: _Cost, event: _Event, parts: dict[str, str], begin: datetime, end: datetime) -> None:
    """Add what one rule costs; refuse it where it, or all together, is too much."""
    frequency = parts.get("FREQ", "")
    if frequency in ("SECONDLY", "MINUTELY"):
        raise CalendarRefused(
            f"The event {event.name} comes {frequency.lower()}: shifts come hourly at most."
        )
    if frequency not in _PER_DAY:
        raise CalendarRefused(f"The event {event.name} has a rule without a known frequency.")
    unfit = parts.keys() - _ALWAYS - _FITTING.get(frequency, parts.keys())
    if unfit:
        raise CalendarRefused(
            f"The event {event.name} comes {frequency.lower()} with {min(unfit)}: that is not read."
        )
    each = _PER_DAY[frequency] / max(1, _whole(parts.get("INTERVAL"), 1))
    rate = each * _times(parts, frequency)
    if rate > MOST_A_DAY:
        raise CalendarRefused(f"The event {event.name} comes more often than every hour.")
    begins = event.begins or begin
    until = _day(parts.get("UNTIL", "")) or end
    count = _whole(parts.get("COUNT"), 0) or float("inf")
    cost.steps += min(count, max(0.0, _days(end - begins)) * max(each, rate))
    if until + timedelta(days=1) >= begin:
        cost.occurrences += min(count, _days(end - max(begin, begins)) * rate + 1)
    if cost.steps > MAX_STEPS:
        raise CalendarRefused(
            f"Its rules, that of {event.name} among them, have come true too often since they began: "
            "let them begin later."
        )
    # What is counted here is an upper bound; the expansion counts what really comes.
    if cost.occurrences > 2 * MAX_OCCURRENCES:
        raise too_many()


def _times(parts: dict[str, str], frequency: str) -> float:
    """How often a rule comes true at most each time that its frequency comes round."""
    times = 1.0
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        if part in parts and not (part == "BYHOUR" and frequency == "HOURLY"):
            times *= parts[part].count(",") + 1
    if frequency == "WEEKLY":
        times *= min(7, parts.get("BYDAY", "").count(",") + 1)
    if frequency == "MONTHLY" and parts.keys() & {"BYDAY", "BYMONTHDAY"}:
        times *= 28
    if frequency == "YEARLY" and len(parts.keys() - _ALWAYS) > 0:
        times *= 365
    return times


def _whole(text: str | None, default: int) -> int:
    known = text is not None and text.isascii() and text.isdecimal() and len(text) < 9
    return int(text) if text and known else default


def _days(span: timedelta) -> float:
    return max(0.0, span / timedelta(days=1))
