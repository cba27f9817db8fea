"""What conditions may read of the run that a request belongs to.

Written `run.saw("data.pii")`, `run.did("crm.export")`, `run.count("crm.export")`, `run.cost`,
`run.tokens` and `run.age`. Most of it is what the agent reports, so it may only tighten: a
condition must stay true whatever more is reported (policies/expressions.py holds that by the
`Trend` of each part), and no `allow` rule reads it. CEL never sees the call, only a number.
"""

from __future__ import annotations

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


def opposite(trend: Trend) -> Trend:
    """Return the trend of what is negated, or subtracted."""
    if trend == 0:
        return 0
    return -1 if trend == 1 else 1
