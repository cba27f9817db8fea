"""The numbers for a spreadsheet: a row for each role, or for each hour of the week, in cells without formulas.

Shares are from 0 to 1, times in seconds; a cell is empty where there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from oversight.exports.csv_format import safe, written
from oversight.numbers.answering import DAYS, HOURS, Answering, Numbers, RoleAnswering
from oversight.numbers.measures import Took
from pages.numbers import WEEKDAYS

_RANGE: Final = ("from", "until", "timezone")
_ROLES: Final = (
    *(*_RANGE, "role", "title", "asked", "ended", "expired", "expired_share"),
    *("escalated", "escalation_rate", "reminded"),
    *("first_view_count", "first_view_p50_s", "first_view_p95_s"),
    *("decide_count", "decide_p50_s", "decide_p95_s"),
)
_HOURS: Final = (*_RANGE, "weekday", "hour", "submitted", "decided")

_Value = str | int | float | None


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


def _answering(of: Answering) -> Iterator[_Value]:
    name, title = (of.name, of.title) if isinstance(of, RoleAnswering) else ("", "")
    yield from (name, title, of.asked, of.ended, of.expired, of.expired_share)
    yield from (of.escalated, of.escalation_rate, of.reminded)
    for took in (of.first_view, of.decide):
        yield from _took(took)


def _took(took: Took) -> Iterator[_Value]:
    yield from (took.count, took.p50_s, took.p95_s)


def _cells(found: Numbers, values: Iterator[_Value] | tuple[_Value, ...]) -> list[str]:
    return [_cell(value) for value in (found.since, found.until, found.timezone, *values)]


def _cell(value: _Value) -> str:
    return "" if value is None else safe(str(value))
