"""How the numbers read on their page: shares and times as bars with their words, a week as a heat table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict

from core.problems import Problem
from notifications.preferences import zones
from oversight.numbers.answering import Answering, Numbers, RoleAnswering
from oversight.numbers.measures import Took
from oversight.numbers.period import Period
from pages.charts import width

#: Days that are offered at a click; today is the last of them.
PRESETS: Final = (7, 30, 90)
DEFAULT: Final = 30
#: The fields of the form by the names of their parameters.
LABELS: Final = {"from": "From", "until": "Before", "timezone": "Time zone"}
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Shades of the heat table beside none; every cell says its number as well.
SHADES: Final = 5
MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Form:
    """The range as it was asked for, or as it is without asking; `errors` by parameter."""

    since: str
    until: str
    timezone: str
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def days(self) -> tuple[bool, bool]:
        """Whether each end is a day, as browsers' date fields want it, and no instant."""
        return _is_day(self.since), _is_day(self.until)

    @property
    def stray_zone(self) -> bool:
        """Whether the time zone is none that is offered."""
        return self.timezone not in zones()

    @property
    def query(self) -> str:
        """The range as the query of an address."""
        asked = {"from": self.since, "until": self.until, "timezone": self.timezone}
        return urlencode({name: text for name, text in asked.items() if text})


@dataclass(frozen=True, slots=True)
class Preset:
    """A range at a click; `here` where it is what is shown."""

    days: int
    url: str
    here: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A number in words, and as a part of its cell in hundredths; `width` is empty where there is none."""

    said: str
    width: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """How one role answers, or everybody; `title` is empty for everybody."""

    title: str
    asked: Bar
    escalated: Bar
    expired: Bar
    view: tuple[Bar, Bar]
    decide: tuple[Bar, Bar]


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of a day of the week: how many, and its shade from 0."""

    count: int
    shade: int


@dataclass(frozen=True, slots=True)
class Heat:
    """A week, hour by hour: rows of (hour, Monday to Sunday); `said` is when most is."""

    id: str
    title: str
    said: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def form_of(query: QueryDict, *, zone: str, now: datetime) -> Form:
    """The range that an address asks for; without one the last days, on the clocks of ``zone``."""
    timezone = query.get("timezone", "").strip() or zone
    since, until = (query.get(name, "").strip() for name in ("from", "until"))
    if not since and not until:
        since, until = last_days(DEFAULT, timezone, now)
    return Form(since, until, timezone)


def last_days(count: int, zone: str, now: datetime) -> tuple[str, str]:
    """The days up to today and with it: the first, and the one behind the last."""
    known = ZoneInfo(zone) if zone in zones() else now.tzinfo
    today = now.astimezone(known).date()
    return tuple(  # type: ignore[return-value]  # two of them
        (today + timedelta(days=far)).isoformat() for far in (1 - count, 1)
    )


def presets(form: Form, now: datetime, url: str) -> list[Preset]:
    """The ranges that are offered of the page at an address, in the time zone of the form."""
    zone = "UTC" if form.stray_zone else form.timezone
    offered = []
    for count in PRESETS:
        one = Form(*last_days(count, zone, now), zone)
        here = (one.since, one.until) == (form.since, form.until)
        offered.append(Preset(count, f"{url}?{one.query}", here))
    return offered


def faults(problem: Problem) -> dict[str, str]:
    """What does not fit, by parameter, in sentences that name the fields as the page does."""
    told = {}
    for fault in problem.errors:
        name = fault.pointer.removeprefix("?")
        said = fault.detail.replace("`until`", f"“{LABELS['until']}”")
        told[name] = f"“{LABELS.get(name, name)}”: {said}"
    return told


def lines(found: Numbers) -> list[Line]:
    """Everybody, then each role by name."""
    every: Sequence[Answering] = (found.total, *found.roles)
    scales = [_longest(one.first_view for one in every), _longest(one.decide for one in every)]
    return [_line(one, found.total.asked, *scales) for one in every]


def heats(found: Numbers) -> list[Heat]:
    """When requests came, and when they were decided."""
    return [
        _heat("submitted", "When requests came", found.load.submitted),
        _heat("decided", "When they were decided", found.load.decided),
    ]


def ends(of: Period) -> tuple[datetime, datetime]:
    """The range on the clocks of its time zone."""
    zone = ZoneInfo(of.timezone)
    return of.since.astimezone(zone), of.until.astimezone(zone)


def percent(share: float) -> str:
    """A share in words, with a tenth where it would else look like none or all."""
    whole = f"{share:.0%}"
    return f"{share:.1%}" if whole in ("0%", "100%") and share not in (0, 1) else whole


def span(seconds: float) -> str:
    """How long something took, in two units at most, rounded up so that it was within that."""
    whole = math.ceil(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _units(whole, MINUTE, "min", 1, "s")
    minutes = math.ceil(whole / MINUTE) * MINUTE
    if minutes < DAY:
        return _units(minutes, HOUR, "h", MINUTE, "min")
    return _units(math.ceil(whole / HOUR) * HOUR, DAY, "d", HOUR, "h")


def _is_day(text: str) -> bool:
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _line(of: Answering, most: int, viewing: float, deciding: float) -> Line:
    return Line(
        title=of.title if isinstance(of, RoleAnswering) else "",
        asked=Bar(f"{of.asked:,}", width(of.asked, most), f"{of.ended:,} ended"),
        escalated=_share(of.escalation_rate, f"{of.escalated:,} of {of.asked:,}"),
        expired=_share(of.expired_share, f"{of.expired:,} of {of.ended:,} ended"),
        view=_times(of.first_view, viewing),
        decide=_times(of.decide, deciding),
    )


def _share(share: float | None, note: str) -> Bar:
    return Bar("", "") if share is None else Bar(percent(share), width(share, 1), note)


def _times(took: Took, longest: float) -> tuple[Bar, Bar]:
    half, most = took.p50_s, took.p95_s
    if half is None or most is None:
        return Bar("", ""), Bar("", "")
    note = "once" if took.count == 1 else f"{took.count:,} times"
    return Bar(span(half), width(half, longest), note), Bar(span(most), width(most, longest))


def _units(seconds: int, size: int, name: str, part: int, small: str) -> str:
    large, rest = divmod(seconds, size)
    return f"{large} {name} {rest // part} {small}" if rest else f"{large} {name}"


def _longest(several: Iterator[Took]) -> float:
    return max((took.p95_s or 0 for took in several), default=0)


def _heat(id: str, title: str, week: Sequence[Sequence[int]]) -> Heat:
    most = max(max(day) for day in week)
    rows = tuple(
        (f"{hour:02}", tuple(Cell(day[hour], _shade(day[hour], most)) for day in week))
        for hour in range(len(week[0]))
    )
    return Heat(id, title, _busiest(week, most), rows)


def _busiest(week: Sequence[Sequence[int]], most: int) -> str:
    """The hour with most, in a sentence; how many hours where several are."""
    if not most:
        return "None in this time."
    there = [
        (day, hour) for day, hours in enumerate(week) for hour in range(24) if hours[hour] == most
    ]
    day, hour = there[0]
    first = f"{WEEKDAYS[day]}, {hour:02}:00–{hour + 1:02}:00"
    if len(there) == 1:
        return f"Most on {first}: {most:,}."
    return f"Most on {first}, and in {len(there) - 1} more hours: {most:,} in each."


def _shade(count: int, most: int) -> int:
    return math.ceil(SHADES * count / most) if count else 0
