"""How times that people swap read on the page, and how a choice among them comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict

from core import ids
from core.problems import FieldError, Problem, invalid
from pages.schedules import local, names
from people.schedules.overrides import Wanted
from people.schedules.swaps import Offer, Time

#: In place of the beginning of a time that runs: from whenever the form arrives.
_RUNNING: Final = "now"
#: Where a choice is wrong: who gives a time away stands in the other half of what the service is told.
_FIELDS: Final = {
    "/give": "give",
    "/take": "take",
    "/give/with": "take",
    "/give/person": "take",
    "/take/person": "give",
}
_LONGEST_VALUE: Final = 120


@dataclass(frozen=True, slots=True)
class Option:
    """A time that can be chosen."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class SwapForm:
    """What the form for a swap holds after it was refused."""

    give: str = ""
    take: str = ""
    said: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choices:
    """The two lists of the form; empty where nothing can be swapped."""

    gives: tuple[Option, ...] = ()
    takes: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A time as it was chosen: whose it is, and from when until when."""

    person: UUID
    begin: datetime
    end: datetime


def choices(offer: Offer, form: SwapForm, me: UUID, zone: ZoneInfo, now: datetime) -> Choices:
    """The lists as they are shown: one's own first time is chosen to give, and one of another to take."""
    gives = _first(offer.gives, lambda time: time.person.id == me)
    giver = None if gives is None else gives.person.id
    takes = _first(offer.takes, lambda time: time.person.id != giver)
    return Choices(
        _options(offer.gives, form.give, gives, zone, now),
        _options(offer.takes, form.take, takes, zone, now),
    )


def _first(times: Sequence[Time], wanted: Callable[[Time], bool]) -> Time | None:
    return next((time for time in times if wanted(time)), times[0] if times else None)


def _options(
    times: Sequence[Time], kept: str, first: Time | None, zone: ZoneInfo, now: datetime
) -> tuple[Option, ...]:
    values = [_value(time, now) for time in times]
    return tuple(
        Option(value, _text(time, zone, now), value == kept if kept in values else time is first)
        for time, value in zip(times, values, strict=True)
    )


def _value(time: Time, now: datetime) -> str:
    begin = _RUNNING if time.begin <= now else time.begin.isoformat()
    return f"{ids.encode('per', time.person.id)} {begin} {time.end.isoformat()}"


def _text(time: Time, zone: ZoneInfo, now: datetime) -> str:
    beside = f" (with {names(time.beside)})" if time.beside else ""
    # The name comes first: a narrow screen cuts what is chosen at its end.
    return f"{time.person.name}{beside}: {period(time.begin, time.end, zone, now)}"


def period(begin: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> str:
    """From when until when, in words: the day once, where both are on it."""
    first = "now" if begin <= now else local(begin, zone, now)
    days = (max(begin, now).astimezone(zone).date(), end.astimezone(zone).date())
    last = f"{end.astimezone(zone):%H:%M}" if days[0] == days[1] else local(end, zone, now)
    return f"{first} – {last}"


def chosen(form: QueryDict, name: str, now: datetime) -> Chosen:
    """The time that was chosen.

    Raises:
        Problem: 422, it is none.
    """
    try:
        person, begin, end = form.get(name, "")[:_LONGEST_VALUE].split(" ")
        return Chosen(
            ids.decode("per", person),
            now if begin == _RUNNING else _instant(begin),
            _instant(end),
        )
    except (ids.BadId, ValueError, OverflowError) as error:
        raise invalid([FieldError(f"/{name}", "bad_time", "Choose a time.")]) from error


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone is no instant")
    return at.astimezone(UTC)


def wanted(give: Chosen, take: Chosen) -> tuple[Wanted, Wanted]:
    """Who is on duty after the swap: the other one in the time that is given, and the other way round."""
    return (
        Wanted(take.person, give.begin, give.end, "/give"),
        Wanted(give.person, take.begin, take.end, "/take"),
    )


def refused(form: QueryDict, problem: Problem) -> SwapForm:
    """The form as it was chosen, with what is wrong in it."""
    told = {_field(one.pointer): one.detail for one in problem.errors}
    said = told.pop("", "") or ("" if told else problem.detail)
    give, take = (form.get(name, "")[:_LONGEST_VALUE] for name in ("give", "take"))
    return SwapForm(give, take, said, told)


def _field(pointer: str) -> str:
    return _FIELDS.get(pointer) or _FIELDS.get(f"/{pointer.split('/')[1]}" if pointer else "", "")
