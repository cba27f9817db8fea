"""Counting votes: pure, and the only place that says when a plan is satisfied.

Source of the rules: guarantee 3, and architecture.md, "The way of one request", stop 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from approvals.status import Verdict

#: What moves a stage on: a yes, a change that its author agrees to, an answer.
AGREEING = frozenset({Verdict.APPROVE, Verdict.EDIT, Verdict.ANSWER})


@dataclass(frozen=True, slots=True)
class Quorum:
    """What one stage needs: so many approvals pass it, so many rejections end the request."""

    approvals: int
    rejections: int
    distinct_from_earlier: bool = False


@dataclass(frozen=True, slots=True)
class Vote:
    """One live vote, and whether its voter may still decide at that stage at this moment."""

    id: UUID
    stage: int
    person: UUID
    verdict: Verdict
    eligible: bool


class Result(Enum):
    """What the votes come to."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcome of a count: the result, the stage that is open, and the votes that became void."""

    result: Result
    stage: int | None
    void: tuple[Vote, ...]


def tally(stages: Sequence[Quorum], votes: Sequence[Vote]) -> Tally:
    """Count all live votes of one revision under its own plan.

    Votes of people who may no longer decide are void and count nowhere.  The first stage whose
    approvals fall short is the open one; an earlier stage may thereby open again.  A stage's
    rejections count as soon as the stage was reached.

    Args:
        stages: the plan's stages, in order; at least one.
        votes: live votes of this revision, at most one per person and stage.

    Returns:
        the result, with the index of the open stage where it is still open.
    """
    void = tuple(vote for vote in votes if not vote.eligible)
    live = [vote for vote in votes if vote.eligible]
    earlier: set[UUID] = set()
    for index, quorum in enumerate(stages):
        here = [vote for vote in live if vote.stage == index]
        if (
            len({vote.person for vote in here if vote.verdict is Verdict.REJECT})
            >= quorum.rejections
        ):
            return Tally(Result.REJECTED, None, void)
        approving = {vote.person for vote in here if vote.verdict in AGREEING}
        if quorum.distinct_from_earlier:
            approving -= earlier
        if len(approving) < quorum.approvals:
            return Tally(Result.OPEN, index, void)
        earlier |= approving
    return Tally(Result.APPROVED, None, void)


def missing(stages: Sequence[Quorum], votes: Sequence[Vote], index: int) -> int:
    """How many more approvals the stage at ``index`` needs."""
    approving = {
        vote.person
        for vote in votes
        if vote.eligible and vote.stage == index and vote.verdict in AGREEING
    }
    return max(0, stages[index].approvals - len(approving))
