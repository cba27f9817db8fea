"""How schedules read on their pages: days as bars, who is on duty in words, gaps by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.urls import reverse

from core import durations, ids
from core.problems import FieldError, Problem, invalid
from people.schedules.duty import OnDuty, Span
from people.schedules.hours import instant
from people.schedules.overrides import Standing
from people.schedules.overview import DAYS, Detail, Overview

#: Colours of bars; who is on duty is said in words as well.
COLOURS: Final = 6
#: A piece of a day that is shorter has no room for a name, in hundredths of the day.
NARROW: Final = 9.0
_YEARS: Final = range(1990, 2100)


@dataclass(frozen=True, slots=True)
class Line:
    """One schedule in the list."""

    name: str
    url: str
    timezone: str
    who: str
    until: str
    gaps: str
    dot: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day in which the same people are on duty; `x` and `width` in hundredths of the day."""

    x: str
    width: str
    who: str
    hours: str
    colour: str
    url: str
    override: bool
    gap: bool
    narrow: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A local day; `now` is where the present is on it, and empty on others."""

    title: str
    iso: str
    pieces: tuple[Piece, ...]
    now: str
    note: str


@dataclass(frozen=True, slots=True)
class OverrideLine:
    """An override in the list, and where it is taken back."""

    who: str
    when: str
    url: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What the form for an override shows: local times as browsers write them."""

    begins: str = ""
    ends: str = ""
    person: str = ""
    said: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether there is something in it."""
        return bool(self.begins or self.said or self.errors)


def names(who: Sequence[OnDuty]) -> str:
    """People in words: ``Ana, Ben and Caro``."""
    said = [one.name for one in who]
    if not said:
        return "nobody"
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def local(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """An instant in a zone, in words: the year only where it is another one."""
    there = at.astimezone(zone)
    year = "" if there.year == now.astimezone(zone).year else " %Y"
    return there.strftime(f"%a %-d %b{year}, %H:%M")


def line(one: Overview) -> Line:
    """A schedule as the list has it."""
    until = "no handover within 60 days"
    if one.next_change is not None:
        until = f"until {local(one.next_change, one.zone, one.now)}"
    return Line(
        name=one.name,
        url=reverse("schedule", args=[one.name]),
        timezone=one.timezone,
        who=names(one.on_duty),
        until=until,
        gaps=gaps(one),
        dot="yes" if one.on_duty else "nay",
    )


def gaps(one: Overview) -> str:
    """The gaps from now on, in a sentence; nothing of days that have passed."""
    if one.end <= one.now:
        return ""
    ahead = [gap for gap in one.gaps if gap.end > one.now]
    days = f"{round((one.end - one.begin) / timedelta(days=1))} days"
    if one.begin > one.now:
        days = f"these {days}"
    if not ahead:
        return f"No gap in {days}."
    lasting = sum((gap.end - max(gap.begin, one.now) for gap in ahead), timedelta())
    first = max(ahead[0].begin, one.now)
    when = "now" if first == one.now else local(first, one.zone, one.now)
    number = f"{len(ahead)} gaps" if len(ahead) > 1 else "1 gap"
    first_said = "it begins" if len(ahead) == 1 else "the first begins"
    return f"{number} in {days}, {durations.span(lasting)} in all; {first_said} {when}."


def days_of(found: Detail, *, links: bool) -> list[Day]:
    """The local days of a schedule, each with its pieces."""
    one = found.overview
    colours = _colours(one.spans)
    day, days = one.begin.astimezone(one.zone).date(), []
    while (begin := _midnight(day, one.zone)) < one.end:
        end = _midnight(day + timedelta(days=1), one.zone)
        pieces = [
            _piece(found, span, begin, end, colours, links=links)
            for span in one.spans
            if span.begin < end and span.end > begin
        ]
        now = f"{_part(one.now, begin, end):.2f}%" if begin <= one.now < end else ""
        hours = round((end - begin) / timedelta(hours=1), 2)
        note = "" if hours == 24 else f"{hours:g} hours: clocks change"
        days.append(Day(day.strftime("%a %-d %b"), day.isoformat(), tuple(pieces), now, note))
        day += timedelta(days=1)
    return days


def _piece(
    found: Detail,
    span: Span,
    begin: datetime,
    end: datetime,
    colours: Mapping[UUID, int],
    *,
    links: bool,
) -> Piece:
    zone = found.overview.zone
    first, last = max(span.begin, begin), min(span.end, end)
    width = _part(last, begin, end) - _part(first, begin, end)
    until = "24:00" if last == end else f"{last.astimezone(zone):%H:%M}"
    colour = f"c{colours[span.who[0].id]}" if span.who else "gap"
    return Piece(
        x=f"{_part(first, begin, end):.2f}%",
        width=f"{width:.2f}%",
        who=names(span.who),
        hours=f"{first.astimezone(zone):%H:%M}–{until}",
        colour=colour,
        url=_form_url(found, span) if links and span.end > found.overview.now else "",
        override=span.override is not None,
        gap=span.gap,
        narrow=width < NARROW,
    )


def _form_url(found: Detail, span: Span) -> str:
    """Where the form for an override of a whole span is."""
    one = found.overview
    begin = max(span.begin, one.now)
    asked = {
        "from": one.begin.astimezone(one.zone).date().isoformat(),
        "begins": _typed(begin, one.zone),
        "ends": _typed(span.end, one.zone),
    }
    return f"?{urlencode(asked)}#override"


def _colours(spans: Sequence[Span]) -> dict[UUID, int]:
    """A colour for everybody, in the order in which they come."""
    found: dict[UUID, int] = {}
    for span in spans:
        for one in span.who:
            found.setdefault(one.id, len(found) % COLOURS)
    return found


def _part(at: datetime, begin: datetime, end: datetime) -> float:
    return 100 * ((at - begin) / (end - begin))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def override_lines(found: Detail, person: UUID, *, administers: bool) -> list[OverrideLine]:
    """The overrides of the days that are shown; ended ones have no way back."""
    return [_override(found, one, person, administers=administers) for one in found.overrides]


def _override(found: Detail, one: Standing, person: UUID, *, administers: bool) -> OverrideLine:
    whole = found.overview
    begins, ends = (local(at, whole.zone, whole.now) for at in (one.begins_at, one.ends_at))
    mine = administers or person in (one.person, one.created_by)
    return OverrideLine(
        who=one.name,
        when=f"{begins} – {ends}",
        url=reverse("schedule_cancel", args=[whole.name, ids.encode("ovr", one.id)]),
        mine=mine and one.ends_at > whole.now,
    )


def form_of(query: QueryDict) -> Form:
    """The form as an address fills it."""
    return Form(begins=query.get("begins", "")[:16], ends=query.get("ends", "")[:16])


def refused(form: QueryDict, problem: Problem) -> Form:
    """The form as it was typed, with what is wrong in it."""
    fields = {"begins_at": "begins", "ends_at": "ends", "person": "person"}
    told = {fields.get(one.pointer.strip("/"), ""): one.detail for one in problem.errors}
    said = told.pop("", "") or ("" if told else problem.detail)
    return Form(
        form.get("begins", "")[:16],
        form.get("ends", "")[:16],
        form.get("person", "")[:40],
        said,
        told,
    )


def moment(form: QueryDict, name: str, zone: ZoneInfo) -> datetime:
    """The instant of a local time that somebody typed.

    Raises:
        Problem: 422, it is none.
    """
    try:
        found = datetime.fromisoformat(form.get(name, "")[:19])
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or found.year not in _YEARS:
        detail = "Write day and time, such as 2026-12-24 18:00."
        raise invalid([FieldError(f"/{name}_at", "no_time", detail)])
    return instant(found, zone)


def _typed(at: datetime, zone: ZoneInfo) -> str:
    """An instant as a browser's field wants it: local time to the minute."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def first_day(query: QueryDict, zone: ZoneInfo, now: datetime) -> datetime:
    """The beginning of the day that is asked for, else of the present one."""
    try:
        day = date.fromisoformat(query.get("from", ""))
    except ValueError:
        day = now.astimezone(zone).date()
    if day.year not in _YEARS:
        day = now.astimezone(zone).date()
    return _midnight(day, zone)


def neighbours(one: Overview) -> tuple[str, str]:
    """The first days of the time before and of the time after."""
    day = one.begin.astimezone(one.zone).date()
    return tuple(  # type: ignore[return-value]  # two of them
        f"?from={(day + timedelta(days=far)).isoformat()}" for far in (-DAYS, DAYS)
    )
