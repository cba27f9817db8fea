"""The numbers for a spreadsheet: a row for each role, or for each hour of the week, in cells without formulas.

Shares are from 0 to 1, times in seconds; a cell is empty where there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from oversight.exports.csv_format import safe, written
from oversight.numbers.answering import DAYS, HOURS, Answering, Numbers, RoleAnswering
from oversight.numbers.measures import Took
from oversight.numbers.sections import Value
from pages.numbers import WEEKDAYS

#: The columns that every CSV begins with.
RANGE: Final = ("from", "until", "timezone")
_ROLES: Final = (
    *(*RANGE, "role", "title", "asked", "ended", "expired", "expired_share"),
    *("escalated", "escalation_rate", "reminded"),
    *("first_view_count", "first_view_p50_s", "first_view_p95_s"),
    *("decide_count", "decide_p50_s", "decide_p95_s"),
)
_HOURS: Final = (*RANGE, "weekday", "hour", "submitted", "decided")


def roles(found: Numbers) -> bytes:
    """Everybody, with no name, then each role."""
    rows = [_ROLES, *(_cells(found, _answering(one)) for one in (found.total, *found.roles))]
    return written(rows)


def hours(found: Numbers) -> bytes:
    """The 168 hours of a week from Monday."""
    week = (
        (WEEKDAYS[day], hour, found.load.submitted[day][hour], found.load.decided[day][hour])
        for day in range(DAYS)
        for hour in range(HOURS)
    )
    return written([_HOURS, *(_cells(found, values) for values in week)])


#: What can be had, by its name in an address.
TABLES: Final[Mapping[str, Callable[[Numbers], bytes]]] = {"roles": roles, "hours": hours}


def _answering(of: Answering) -> Iterator[Value]:
    name, title = (of.name, of.title) if isinstance(of, RoleAnswering) else ("", "")
    yield from (name, title, of.asked, of.ended, of.expired, of.expired_share)
    yield from (of.escalated, of.escalation_rate, of.reminded)
    for took in (of.first_view, of.decide):
        yield from _took(took)


def _took(took: Took) -> Iterator[Value]:
    yield from (took.count, took.p50_s, took.p95_s)


def _cells(found: Numbers, values: Iterator[Value] | tuple[Value, ...]) -> list[str]:
    return [cell(value) for value in (found.since, found.until, found.timezone, *values)]


def cell(value: Value) -> str:
    """A value as a cell: no formula, and empty where there is nothing to say."""
    return "" if value is None else safe(str(value))
