"""The words, limits and costs of the condition language (policies/expressions.py reads it)."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Final

from policies.counters import Counter
from policies.run_reads import RunRead, Trend

MAX_LENGTH: Final = 2_000
MAX_COUNTERS: Final = 8
MAX_LOOPS: Final = 2
MAX_STATES: Final = 1_000
#: Beyond any amount, and far enough below the largest double that sums cannot reach infinity.
MAX_NUMBER: Final = 1e300

MEMBERS: Final = {
    "agent": ("id", "name", "owner"),
    "workspace": ("id", "slug"),
}
ROOTS: Final = ("action", "agent", "now", "payload", "run", "workspace")
WORDS: Final = {"true": "bool", "false": "bool", "null": "null"}
LOOPS: Final = ("all", "exists", "exists_one")
CLOCK: Final = (
    "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours",
    "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
)  # fmt: skip
GLOBALS: Final = ("double", "duration", "has", "int", "matches", "size", "string", "timestamp")
METHODS: Final = (*LOOPS, *CLOCK, "contains", "endsWith", "matches", "size", "startsWith")
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
CALLS: Final = {"*": "product", "/": "quotient", "%": "remainder"}
LEFT_OUT: Final = {
    "map": "would build lists", "filter": "would build lists", "dyn": "is not needed",
    "type": "is not needed", "bytes": "is not needed", "bool": "is not needed",
    "uint": "is not needed: numbers have one type",
}  # fmt: skip

#: Kinds whose comparison with anything costs next to nothing.
CHEAP: Final = ("number", "time", "bool", "null", "literal", "literals")


@dataclass(slots=True)
class Piece:
    """A part of the CEL to run: text with the offset it came from, and what is known of it.

    Kinds: number, time, bool, null, literal (a text), literals (a list of such), text, list, map,
    any (from the payload). `trend` says what a run's reports can do to it.
    """

    parts: list[tuple[str, int]]
    kind: str
    selects: bool = False
    trend: Trend = 0


@dataclass(slots=True)
class Work:
    """What an evaluation may cost, in parts of a microsecond's order (see `units`)."""

    loops: int = 0
    items: int = 0
    light: int = 0
    heavy: int = 0
    states: int = 0
    heavy_once: int = 0
    states_once: int = 0

    @property
    def needs_size(self) -> bool:
        """Whether the cost depends on the payload at all."""
        return bool(self.loops or self.heavy_once or self.states_once)

    def units(self, values: int, size: int) -> float:
        """Return a bound of the cost in µs for a payload of so many values and bytes.

        Measured: 0.2 µs per member when two maps are compared, 15 ns per byte and state when a
        pattern is at its worst, at most 10,000 iterations before CEL itself stops.
        """
        once = self.heavy_once * size / 40 + self.states_once * size / 64
        if not self.loops:
            return once
        rounds: int = min((values + self.items) ** self.loops, 10_000)
        return once + rounds * (self.light + self.heavy * size / 40 + self.states * size / 64)


@dataclass(frozen=True, slots=True)
class Translation:
    """The CEL of a condition, its counters in the order of their variables, and its cost.

    `reads` is what it reads of the run, `reads_at` the offset of the first.
    """

    cel: str
    counters: tuple[Counter, ...]
    reads: tuple[RunRead, ...]
    reads_at: int
    work: Work
    starts: list[int] = field(repr=False)
    origins: list[int] = field(repr=False)

    def origin(self, offset: int) -> int:
        """Return where character `offset` of `cel` came from."""
        at = max(0, bisect.bisect_right(self.starts, offset) - 1)
        return self.origins[at] if self.origins else 0
