"""What conditions may read of the run that a request belongs to.

Written `run.saw("data.pii")`, `run.did("crm.export")`, `run.count("crm.export")`, `run.cost`,
`run.tokens` and `run.age`. Most of it is what the agent reports, so it may only tighten: a
condition must stay true whatever more is reported (policies/expressions.py holds that by the
`Trend` of each part), and no `allow` rule reads it. CEL never sees the call, only a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

#: What becomes of a value when a run reports more: it stays (0), only grows or becomes true (1),
#: only shrinks or becomes false (-1).
Trend: TypeAlias = Literal[-1, 0, 1]

CALLS: Final = {"saw": "data.pii", "did": "crm.export", "count": "crm.export"}
VALUES: Final = ("cost", "tokens", "age")
MAX_NAME: Final = 200

Kind: TypeAlias = Literal["saw", "did", "count", "cost", "tokens", "age"]


@dataclass(frozen=True, slots=True)
class RunRead:
    """One thing that is read of a run. `name` is the label or action, "" for a plain value."""

    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of the run of a request, and of the runs above it.

    `tools` says how often a tool or an action was reported or asked for, `labels` what the agent
    itself reported, `cost` is in the workspace's money, `age_s` in seconds.
    """

    tools: Mapping[str, int]
    labels: frozenset[str]
    cost: float
    tokens: int
    age_s: float

    def value(self, read: RunRead) -> float:
        """Return what a condition reads: a number, or 1 and 0 for yes and no."""
        match read.kind:
            case "saw":
                return float(read.name in self.labels)
            case "did":
                return float(self.tools.get(read.name, 0) > 0)
            case "count":
                return float(self.tools.get(read.name, 0))
            case "cost":
                return self.cost
            case "tokens":
                return float(self.tokens)
            case "age":
                return self.age_s


def opposite(trend: Trend) -> Trend:
    """Return the trend of what is negated, or subtracted."""
    if trend == 0:
        return 0
    return -1 if trend == 1 else 1
