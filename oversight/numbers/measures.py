"""What numbers are made of: shares, and how long things took.  Pure."""

from __future__ import annotations

import math
from typing import Annotated, Final

from msgspec import Meta, Struct

from approvals import numbers as requests

#: Rows of one table at most, those with most in them; how many more there are is said.
MOST_ROWS: Final = 100
#: Of a normal distribution, what 95 of 100 lie within.
_Z: Final = 1.959964


class Took(Struct, frozen=True, kw_only=True):
    """How long something took."""

    count: Annotated[int, Meta(title="Times", description="How often it was measured")]
    p50_s: Annotated[
        float | None,
        Meta(title="Half within", description="Half of them took no longer, in seconds"),
    ]
    p95_s: Annotated[
        float | None, Meta(title="95 of 100 within", description="95 of 100 took no longer")
    ]


def took(found: requests.Took | None) -> Took:
    """As the database counted it; nothing where it did not."""
    count, half, most = found or (0, None, None)
    return Took(count=count, p50_s=_seconds(half), p95_s=_seconds(most))


def took_of(count: int, quantiles: list[float] | None) -> Took:
    """The same of `approvals.numbers.TOOK`, as a row has it."""
    half, most = quantiles or (None, None)
    return took((count, half, most))


def share(part: float, whole: float) -> float | None:
    """A part of a whole, from 0 to 1; None of nothing."""
    return round(part / whole, 4) if whole else None


def interval(part: int, whole: int) -> tuple[float | None, float | None]:
    """Between which shares the true one lies, 95 times of 100 (Wilson's score interval).

    Of few it is wide: what it says of three requests is that three say little.
    """
    if not whole:
        return None, None
    seen, square = part / whole, _Z**2 / whole
    middle = (seen + square / 2) / (1 + square)
    far = _Z * math.sqrt(seen * (1 - seen) / whole + square / (4 * whole)) / (1 + square)
    return max(0.0, round(middle - far, 4)), min(1.0, round(middle + far, 4))


def _seconds(found: float | None) -> float | None:
    return None if found is None else round(found, 3)
