"""How a table of the numbers reads on its page, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from oversight.exports.csv_format import written
from oversight.numbers.period import OfPeriod
from oversight.numbers.sections import Section, Table, Value
from pages.charts import Chart
from pages.number_charts import drawn, money
from pages.numbers import percent, span
from pages.numbers_csv import RANGE, cell

#: What the CSV has and the page does not: ids, and what a chart of hours shows.
_NOT_SHOWN: Final = frozenset({"endpoint", "person"})
_HOURS: Final = "hours_"
_SHARES: Final = ("_rate", "_share", "_low", "_high")


@dataclass(frozen=True, slots=True)
class Shown:
    """A table with its charts: headings, and rows of words of which the first is the row's name."""

    name: str
    title: str
    charts: tuple[Chart, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def shown(section: Section, found: OfPeriod) -> list[Shown]:
    """The tables of a section as its page has them."""
    charts = drawn(section.name, found)
    return [
        Shown(
            name=table.name,
            title=table.title,
            charts=tuple(charts[table.name]),
            headings=tuple(title for name, title in table.columns() if _is_shown(name)),
            rows=tuple(tuple(_words(table, row, found.timezone)) for row in table.rows(found)),
        )
        for table in section.tables
    ]


def as_csv(table: Table, found: OfPeriod) -> bytes:
    """A table for a spreadsheet: the range, then its columns, in cells without formulas."""
    names = [*RANGE, *(name for name, _ in table.columns())]
    spread: list[Value] = [found.since, found.until, found.timezone]
    rows = ([*spread, *table.cells(row)] for row in table.rows(found))
    return written([names, *([cell(value) for value in row] for row in rows)])


def said(name: str, value: Value, zone: str) -> str:
    """A value in words, by the name of its column; empty where there is nothing to say."""
    if value is None or isinstance(value, str):
        return _at(value, zone) if value and name.endswith("_at") else value or ""
    if name.endswith("_s"):
        return span(value)
    if name.endswith(_SHARES) or name == "disagreement":
        return percent(value)
    return money(value) if "cost" in name and name != "costed" else f"{value:,}"


def _words(table: Table, row: Struct, zone: str) -> Iterator[str]:
    for (name, _), value in zip(table.columns(), table.cells(row), strict=True):
        if _is_shown(name):
            yield said(name, value, zone)


def _is_shown(name: str) -> bool:
    return name not in _NOT_SHOWN and not name.startswith(_HOURS)


def _at(text: str, zone: str) -> str:
    at = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{at.day} {at:%b %Y, %H:%M}"
