"""Charts as the server draws them: bars, bars with a range, columns of parts, hours.  Pure.

Every value is also a word beside its mark, and what has a colour has a pattern or a place of its own, so that
nothing is told by colour alone.  Widths are shares of the drawing, so that words keep their size on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

#: The least of a mark that is still seen, in hundredths.
SEEN: Final = 0.5
#: How many rows a chart of bars has; the table has the others.
MOST_ROWS: Final = 12
#: Of a chart of columns: its height in pixels, what lies above the highest, and how many columns it has at most.
HEIGHT: Final = 200
ABOVE: Final = 8
MOST_COLUMNS: Final = 62
#: How many columns say their day.
TICKS: Final = 5
HOURS: Final = 24
HOUR_HEIGHT: Final = 28


@dataclass(frozen=True, slots=True)
class Bar:
    """A row: its label, its value in words, and how far the bar and the outline behind it go."""

    label: str
    said: str
    width: str
    note: str = ""
    outline: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars below one another; `more` are left to the table."""

    id: str
    title: str
    said: str
    rows: tuple[Bar, ...]
    more: int = 0
    template: str = "parts/chart_bars.html"


@dataclass(frozen=True, slots=True)
class Range:
    """A row: a mark, and between what it lies for certain, in hundredths of the width."""

    label: str
    said: str
    note: str
    low: str
    high: str
    mark: str


@dataclass(frozen=True, slots=True)
class Ranges:
    """Marks with their ranges below one another, from none to all."""

    id: str
    title: str
    said: str
    rows: tuple[Range, ...]
    more: int = 0
    template: str = "parts/chart_ranges.html"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a column: which kind it is, and where it stands in pixels."""

    name: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: where it stands, its parts from the bottom up, and all of it in words."""

    x: str
    width: str
    parts: tuple[Part, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A word beside an axis; `anchor` as SVG's ``text-anchor``."""

    at: str
    said: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of parts beside one another, with what their kinds mean: (name, title, how many in all)."""

    id: str
    title: str
    said: str
    kinds: tuple[tuple[str, str, str], ...]
    columns: tuple[Column, ...]
    grid: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    bottom: int = HEIGHT
    height: int = HEIGHT + 24
    template: str = "parts/chart_columns.html"


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour's column."""

    x: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Day:
    """A row: a day from midnight to midnight, and in words when most is."""

    label: str
    said: str
    hours: tuple[Hour, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """Days below one another, each in 24 columns."""

    id: str
    title: str
    said: str
    rows: tuple[Day, ...]
    more: int = 0
    template: str = "parts/chart_hours.html"


Chart = Bars | Ranges | Columns | Days


def width(part: float | None, whole: float) -> str:
    """A part of a drawing's width; what is more than nothing is seen."""
    if not part or not whole:
        return ""
    return f"{min(100, max(100 * part / whole, SEEN)):.2f}%"


def place(share: float) -> str:
    """Where a share lies between none and all, with room for the mark at both ends."""
    return f"{2 + 96 * share:.2f}%"


def columns(
    id: str,
    title: str,
    said: str,
    kinds: Mapping[str, str],
    rows: Sequence[tuple[str, Mapping[str, int]]],
) -> Columns:
    """Columns of what is counted by kind, from left to right.

    Args:
        kinds: the title of each kind by its name, from the bottom up.
        rows: the label of each column and how many it has of each kind.
    """
    whole = {name: sum(counts[name] for _, counts in rows) for name in kinds}
    there = [name for name in kinds if whole[name]]
    top = _round_up(max((sum(counts[name] for name in there) for _, counts in rows), default=0))
    return Columns(
        id=id,
        title=title,
        said=said,
        kinds=tuple((name, kinds[name], f"{whole[name]:,}") for name in there),
        columns=tuple(
            _column(
                number, len(rows), label, {name: (kinds[name], counts[name]) for name in there}, top
            )
            for number, (label, counts) in enumerate(rows)
        ),
        grid=tuple(
            Tick(f"{_y(value, top):.1f}", f"{value:,}")
            for value in dict.fromkeys((top, top // 2, 0))
        ),
        ticks=tuple(_ticks([label for label, _ in rows])),
    )


def hours(label: str, counts: Sequence[int], said: str) -> Day:
    """A day's hours, against the busiest of them."""
    most = max(counts, default=0) or 1
    heights = [HOUR_HEIGHT * count / most for count in counts]
    return Day(
        label,
        said,
        tuple(
            Hour(f"{100 * hour / HOURS:.3f}%", f"{HOUR_HEIGHT - high:.1f}", f"{high:.1f}")
            for hour, high in enumerate(heights)
        ),
    )


def _column(
    number: int, count: int, label: str, counts: Mapping[str, tuple[str, int]], top: int
) -> Column:
    parts, below = [], 0
    for name, (_, many) in counts.items():
        if many:
            high = _y(below, top) - _y(below + many, top)
            parts.append(Part(name, f"{_y(below + many, top):.2f}", f"{high:.2f}"))
        below += many
    listed = ", ".join(f"{many:,} {title.lower()}" for title, many in counts.values() if many)
    step = 100 / count
    return Column(
        x=f"{number * step + step * 0.1:.3f}%",
        width=f"{step * 0.8:.3f}%",
        parts=tuple(parts),
        said=f"{label}: {listed or 'none'}",
    )


def _y(value: float, top: int) -> float:
    return HEIGHT - (HEIGHT - ABOVE) * value / top if top else HEIGHT


def _round_up(most: int) -> int:
    """The next even number that is easy to read."""
    if most <= 2:
        return 2
    size = 10 ** int(math.log10(most))
    return (
        next(step * size // 10 for step in (10, 20, 40, 60, 80, 100) if step * size // 10 >= most)
        if size >= 10
        else most + most % 2
    )


def _ticks(labels: Sequence[str]) -> list[Tick]:
    """Some of the columns' labels, evenly between the first and the last."""
    count = len(labels)
    wanted = min(TICKS, count)
    found = []
    for tick in range(wanted):
        number = round(tick * (count - 1) / (wanted - 1)) if wanted > 1 else 0
        anchor = (
            "start" if number == 0 and count > 1 else "end" if number == count - 1 > 0 else "middle"
        )
        x = {"start": 0.0, "end": 100.0}.get(anchor, 100 * (number + 0.5) / count)
        found.append(Tick(f"{x:.2f}%", labels[number], anchor))
    return found
