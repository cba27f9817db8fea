"""What people may swap: the coming times in which one of two is on duty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from people.schedules import duty
from people.schedules.duty import OnDuty, Span
from people.schedules.overrides import LONGEST, Who

#: How far ahead a time that is offered begins.
AHEAD: Final = timedelta(days=28)
#: Times that are offered to be given, and to be taken.
MOST: Final = 300


@dataclass(frozen=True, slots=True)
class Time:
    """A time that `person` may give away, and who else is on duty in it."""

    person: OnDuty
    begin: datetime
    end: datetime
    beside: tuple[OnDuty, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """Times to give and times of others to take, in order; either both or neither."""

    gives: tuple[Time, ...] = ()
    takes: tuple[Time, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gives)


def offered(
    conn: psycopg.Connection[Any],
    workspace: UUID,
    name: str,
    *,
    at: datetime,
    about: frozenset[UUID],
    who: Who,
) -> Offer:
    """What `overrides.swap` takes from this person, from `at` on; administrators choose both sides.

    Args:
        about: whom the schedule is about (`overrides.about`).
    """
    if not who.administers and who.person not in about:
        return Offer()
    # What is longer than an override may be is not cut: it is left out.
    spans = duty.spans(conn, workspace, name, at, at + AHEAD + LONGEST)
    fitting = [span for span in spans if span.begin < at + AHEAD and _fits(span)]
    if who.administers:
        every = [time for span in fitting for time in _times(span)][:MOST]
        several = len({time.person.id for time in every}) > 1
        return Offer(tuple(every), tuple(every)) if several else Offer()
    mine, others = _sides(fitting, who.person, about)
    return Offer(tuple(mine[:MOST]), tuple(others[:MOST])) if mine and others else Offer()


def _sides(
    spans: Sequence[Span], person: UUID | None, about: frozenset[UUID]
) -> tuple[list[Time], list[Time]]:
    """The times of one person, and those of others in which that person is not on duty."""
    mine: list[Time] = []
    others: list[Time] = []
    for span in spans:
        times = _times(span)
        own = [time for time in times if time.person.id == person]
        mine += own
        if not own:
            others += [time for time in times if time.person.id in about]
    return mine, others


def _fits(span: Span) -> bool:
    return span.end - span.begin <= LONGEST


def _times(span: Span) -> list[Time]:
    return [
        Time(one, span.begin, span.end, tuple(each for each in span.who if each.id != one.id))
        for one in span.who
    ]
