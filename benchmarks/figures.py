"""What a benchmark found: rows of a figure, its limit and the ratio; percentiles; the printed table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside the limit that was measured in the same run."""

    what: str
    figure: float
    unit: str
    limit: float | None = None
    #: What the limit is.
    limited_by: str = ""
    #: Figure ÷ limit, where the rounds gave one of their own.
    ratio: float | None = None
    #: What is wanted, in words.
    goal: str = ""


@dataclass(slots=True)
class Result:
    """A benchmark's rows, and everything else that it noted."""

    name: str
    rows: list[Row] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the JSON file."""
        return asdict(self)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def in_ms(values_s: Sequence[float], *shares: int) -> dict[str, float]:
    """Percentiles in milliseconds of durations in seconds: ``{"p50": …}``."""
    return {f"p{share}": round(percentile(values_s, share / 100) * 1e3, 2) for share in shares}


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def short(value: float | None) -> str:
    """Three significant digits, or a dash."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


HEADER = ("what", "figure", "", "limit", "ratio", "limit is", "wanted")


def table(results: Sequence[Result]) -> str:
    """All rows, aligned."""
    cells = [HEADER]
    for result in results:
        cells += [
            (
                f"{result.name}: {row.what}",
                short(row.figure),
                row.unit,
                short(row.limit),
                short(ratio_of(row)),
                row.limited_by or "–",
                row.goal or "–",
            )
            for row in result.rows
        ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    right = {1, 3, 4}
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def ratio_of(row: Row) -> float | None:
    """Figure ÷ limit."""
    if row.ratio is not None or not row.limit:
        return row.ratio
    return row.figure / row.limit
