"""What this server saw an agent do: the counts and sums that conditions may ask for.

Written `agent.count("payments.refund", "1d")` and `agent.sum("payments.refund", "/amount", "1d")`,
either with `by="/customer"` at the end: then only earlier requests whose payload has the same
value there count. They are over the agent's own earlier requests that were not refused; the one
at hand is not included (docs: policy). CEL never sees the call, only a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, cast

from core.durations import DurationError, parse
from policies import pointers

MAX_WINDOW: Final = timedelta(days=31)

_SHAPES: Final = {
    "count": 'agent.count("payments.refund", "1d")',
    "sum": 'agent.sum("payments.refund", "/amount", "1d")',
}


class BadCounterError(ValueError):
    """A call of agent.count or agent.sum that says nothing; the message has the fix."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What to read before planning: how often, or how much, within a window.

    `pointer` names the member that is summed (kind "sum"), `by` the one that must be equal.
    """

    kind: Literal["count", "sum"]
    action: str
    pointer: str | None
    window_s: int
    by: str | None


def read(kind: str, values: Sequence[str], by: str | None) -> Counter:
    """Return the counter that a call with these literal arguments means.

    BadCounterError says what to write instead.
    """
    if len(values) != (2 if kind == "count" else 3):
        raise BadCounterError(f"Write it as {_SHAPES[kind]}.")
    pointer = values[1] if kind == "sum" else None
    for written in (pointer, by):
        if written is None:
            continue
        try:
            if not pointers.parse(written):
                raise pointers.BadPointerError(pointers.BadPointerError.__doc__)
        except pointers.BadPointerError as error:
            raise BadCounterError(str(error)) from None
    try:
        window = parse(values[-1])
    except DurationError as error:
        raise BadCounterError(str(error)) from None
    if window > MAX_WINDOW:
        raise BadCounterError(f"A counter looks back at most {MAX_WINDOW.days}d.")
    return Counter(
        cast("Literal['count', 'sum']", kind),
        values[0],
        pointer,
        int(window.total_seconds()),
        by,
    )
