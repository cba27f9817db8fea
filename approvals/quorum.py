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
    """One live vote, and whether its voter may still decide at that stage at this moment.

    ``on_behalf_of`` is whose seat the voter filled; none: their own.
    """

    id: UUID
    stage: int
    person: UUID
    verdict: Verdict
    eligible: bool
    on_behalf_of: UUID | None = None

    @property
    def seat(self) -> UUID:
        """Whose membership the vote rests on."""
        return self.on_behalf_of or self.person

    @property
    def people(self) -> frozenset[UUID]:
        """The voter, and whose seat they filled."""
        return frozenset({self.person, self.seat})


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
    rejections count as soon as the stage was reached.  A seat counts once, whoever fills it; where others
    than before are wanted, neither voter nor seat may have agreed earlier.

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
        if _heads([vote for vote in here if vote.verdict is Verdict.REJECT]) >= quorum.rejections:
            return Tally(Result.REJECTED, None, void)
        approving = [vote for vote in here if vote.verdict in AGREEING]
        if quorum.distinct_from_earlier:
            approving = [vote for vote in approving if not vote.people & earlier]
        if _heads(approving) < quorum.approvals:
            return Tally(Result.OPEN, index, void)
        earlier.update(*(vote.people for vote in approving))
    return Tally(Result.APPROVED, None, void)


def _heads(votes: Sequence[Vote]) -> int:
    """How many people these votes of one stage are: each voter once, and each seat once.

    Nobody has two live votes at a stage, so only a seat can be there twice: of somebody who decided
    while another had decided for them.
    """
    return min(len({vote.person for vote in votes}), len({vote.seat for vote in votes}))
