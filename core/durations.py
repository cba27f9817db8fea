"""Durations as people write them: `90s`, `15m`, `4h`, `2d`."""

from __future__ import annotations

import functools
import math
import re
from datetime import timedelta
from typing import Final

from core.devmode import dev_value

#: Ten years: beyond any deadline, and far from what timedelta and PostgreSQL overflow at.
MAX_DURATION: Final = timedelta(days=3650)

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN: Final = re.compile(r"([1-9][0-9]{0,9})([smhd])")


class DurationError(ValueError):
    """Not a duration; the message says how one is written."""


class TimeScaleError(ValueError):
    """ASSENTRY_TIME_SCALE is not a number of 1 or more."""


def parse(text: str) -> timedelta:
    """Return the duration that `text` writes: a whole positive number and one of s, m, h, d.

    DurationError for anything else, and above ten years.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise DurationError(
            "Write a duration as a whole number of 1 or more and a unit: 90s, 15m, 4h or 2d."
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > MAX_DURATION.total_seconds():
        raise DurationError(f"A duration is at most {MAX_DURATION.days}d.")
    return timedelta(seconds=seconds)


def show(duration: timedelta) -> str:
    """Return the shortest exact spelling that `parse` reads back, in whole seconds, at least 1s."""
    seconds = max(1, round(duration.total_seconds()))
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def span(left: timedelta) -> str:
    """Time left in two units at most, rounded down; ``time is up`` at zero and below."""
    seconds = left.total_seconds()
    if seconds <= 0:
        return "time is up"
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def scaled(duration: timedelta) -> timedelta:
    """Return `duration` divided by ASSENTRY_TIME_SCALE on a development server, else unchanged.

    The one place that shortens time: policy durations, escalation steps, retry delays, endpoint
    disabling and permit validity go through here; leases, timeouts and signatures do not.
    """
    return duration / time_scale()


@functools.cache
def time_scale() -> float:
    """Return how many times faster policy time runs, read once; TimeScaleError when unusable."""
    written = dev_value("ASSENTRY_TIME_SCALE")
    if written is None:
        return 1.0
    try:
        scale = float(written)
    except ValueError:
        scale = math.nan
    if not 1 <= scale <= 1_000_000:
        raise TimeScaleError("ASSENTRY_TIME_SCALE must be a number from 1 to 1000000, such as 60.")
    return scale
