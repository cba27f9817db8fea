"""What more reports of a run do to a condition: it may become true by them, and never false.

Every part of a condition has a trend. Operators that keep order pass it on, `!` and `-` turn it
round, and whatever could go both ways takes nothing of a run. An error counts with the answer that
is the stricter one, and so do `&&` and `||` in CEL: they answer with an error only where neither
side decides. So a condition that passes here can only go from false to true, or to an error.
"""

from __future__ import annotations

from typing import Final

from policies.language import Piece
from policies.run_reads import Trend, opposite
from policies.tokens import ConditionError

_HOW: Final = "compare it as in run.cost > 50, and join with && and ||."


def steady(piece: Piece, offset: int) -> None:
    """ConditionError where `piece` reads the run: what stands here may go either way."""
    if piece.trend != 0:
        raise ConditionError(offset, f"What a run reports may only tighten: {_HOW}")


def joined(offset: int, *trends: Trend) -> Trend:
    """Return the one trend of parts that move together; ConditionError where they pull apart."""
    found = {trend for trend in trends if trend != 0}
    if len(found) > 1:
        detail = f"Here more reports of a run could tighten or loosen: {_HOW}"
        raise ConditionError(offset, detail)
    return found.pop() if found else 0


def compared(sign: str, left: Piece, right: Piece, offset: int) -> Trend:
    """Return the trend of `left sign right`; only the four that keep order take a run's numbers."""
    if sign in (">", ">="):
        return joined(offset, left.trend, opposite(right.trend))
    if sign in ("<", "<="):
        return joined(offset, opposite(left.trend), right.trend)
    steady(left, offset)
    steady(right, offset)
    return 0


def rising(piece: Piece) -> None:
    """ConditionError for a whole condition that more reports could switch off."""
    if piece.trend == -1:
        detail = (
            "More reports of a run would switch this rule off, and they may only tighten: "
            "write what makes it stricter, as in run.cost > 50."
        )
        raise ConditionError(piece.parts[0][1], detail)
