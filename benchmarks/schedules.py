"""How fast it is told who is on duty: a schedule of three layers with hours, holidays and overrides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours

from benchmarks.figures import Result, Row, median
from benchmarks.product import Product
from people.schedules.rotation import Override, Span, spans, who
from people.schedules.terms import Holidays, Schedule, Shift

_PEOPLE: Final = tuple(f"person{number}@example.com" for number in range(6))
_HOURS: Final = "Mo-Fr 08:00-18:00"
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SEED: Final = 7

SCHEDULE: Final = Schedule(
    timezone="Europe/Berlin",
    holidays=Holidays("DE", "BY"),
    shifts=(
        Shift(
            who=_PEOPLE[:3],
            rotate="weekly",
            begin=datetime.fromisoformat("2026-01-05T08:00"),
            hours=_HOURS,
        ),
        Shift(
            who=_PEOPLE[3:5],
            rotate="12h",
            begin=datetime.fromisoformat("2026-01-05T08:00"),
            hours="Mo-Su 06:00-22:00",
        ),
        Shift(who=_PEOPLE[5:]),
    ),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    evaluations: int = 100_000
    rounds: int = 5


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Instants of a year in no order, asked one after the other on one core; the product itself rests."""
    scale = scale or Scale()
    dice = random.Random(_SEED)  # noqa: S311  # the same instants in every run
    asked = [
        _BEGIN + timedelta(seconds=dice.randrange(365 * 86_400)) for _ in range(scale.evaluations)
    ]
    overrides = [
        Override(_PEOPLE[0], at, at + timedelta(hours=9))
        for at in dice.sample(asked, min(5, len(asked)))
    ]
    local = [at.astimezone(ZoneInfo(SCHEDULE.timezone)) for at in asked]
    rates, limits = [], []
    for _ in range(scale.rounds):
        rates.append(len(asked) / _timed(lambda: [who(SCHEDULE, at, overrides) for at in asked]))
        limits.append(len(asked) / _timed(lambda: _library(local)))
    fortnight = _timed(lambda: [_fortnight(at, overrides) for at in asked[:20]]) / 20
    result = Result("schedules", notes={"evaluations": len(asked), "rounds": scale.rounds})
    result.rows.append(
        Row(
            "who is on duty, three layers",
            median(rates),
            "/s",
            median(limits),
            "the library asked about one layer's hours each time",
            goal="≥ 20,000/s",
        )
    )
    result.rows.append(Row("the spans of 14 days", fortnight * 1e3, "ms"))
    return result


def _fortnight(at: datetime, overrides: list[Override]) -> list[Span]:
    return spans(SCHEDULE, at, at + timedelta(days=14), overrides)


def _library(asked: list[datetime]) -> list[bool]:
    """What the library of opening hours says itself, instant by instant."""
    hours = OpeningHours(_HOURS, timezone=ZoneInfo(SCHEDULE.timezone))
    return [hours.is_open(at) for at in asked]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
