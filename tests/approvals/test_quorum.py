"""Counting votes, by table and against a second way of counting."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.quorum import Quorum, Result, Vote, tally
from approvals.status import Verdict

ANA, BEN, CARO, DAN = (UUID(int=number) for number in range(1, 5))
YES, NO = Verdict.APPROVE, Verdict.REJECT


def vote(person, stage=0, verdict=YES, *, eligible=True):
    return Vote(UUID(int=person.int * 100 + stage), stage, person, verdict, eligible)


ONE = [Quorum(1, 1)]
TWO_OF_ONE_TEAM = [Quorum(2, 1)]
THREE_OR_TWO_AGAINST = [Quorum(3, 2)]
TWO_TEAMS = [Quorum(1, 1), Quorum(2, 1, distinct_from_earlier=True)]


@pytest.mark.parametrize(
    ("stages", "votes", "result", "stage"),
    [
        pytest.param(ONE, [], Result.OPEN, 0, id="nobody yet"),
        pytest.param(ONE, [vote(ANA)], Result.APPROVED, None, id="one is enough"),
        pytest.param(ONE, [vote(ANA, verdict=NO)], Result.REJECTED, None, id="one against"),
        pytest.param(TWO_OF_ONE_TEAM, [vote(ANA)], Result.OPEN, 0, id="one of two"),
        pytest.param(
            TWO_OF_ONE_TEAM, [vote(ANA), vote(BEN)], Result.APPROVED, None, id="two of two"
        ),
        pytest.param(
            TWO_OF_ONE_TEAM,
            [vote(ANA), vote(BEN, eligible=False)],
            Result.OPEN,
            0,
            id="a vote without a voter counts nowhere",
        ),
        pytest.param(
            ONE, [vote(ANA, verdict=NO, eligible=False)], Result.OPEN, 0, id="nor does a rejection"
        ),
        pytest.param(
            THREE_OR_TWO_AGAINST,
            [vote(ANA), vote(BEN, verdict=NO), vote(CARO)],
            Result.OPEN,
            0,
            id="below both thresholds",
        ),
        pytest.param(
            THREE_OR_TWO_AGAINST,
            [vote(ANA, verdict=NO), vote(BEN, verdict=NO)],
            Result.REJECTED,
            None,
            id="two against",
        ),
        pytest.param(TWO_TEAMS, [vote(ANA)], Result.OPEN, 1, id="next stage"),
        pytest.param(
            TWO_TEAMS,
            [vote(ANA), vote(ANA, 1), vote(BEN, 1)],
            Result.OPEN,
            1,
            id="the same person does not count twice where others are wanted",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(ANA), vote(CARO, 1), vote(BEN, 1)],
            Result.APPROVED,
            None,
            id="both teams",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(ANA, eligible=False), vote(CARO, 1), vote(BEN, 1)],
            Result.OPEN,
            0,
            id="an earlier stage falls short and opens again",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(ANA), vote(CARO, 1, NO)],
            Result.REJECTED,
            None,
            id="the second team says no",
        ),
    ],
)
def test_counts(stages, votes, result, stage):
    counted = tally(stages, votes)
    assert (counted.result, counted.stage) == (result, stage)
    assert {v.id for v in counted.void} == {v.id for v in votes if not v.eligible}


def naive(stages, votes):
    """The same rule told the other way round: the stages that hold, from the front."""
    held = 0
    for index, quorum in enumerate(stages):
        live = [v for v in votes if v.eligible and v.stage == index]
        if sum(v.verdict is NO for v in live) >= quorum.rejections:
            return Result.REJECTED, None
        approving = [v.person for v in live if v.verdict is YES]
        if quorum.distinct_from_earlier:
            before = [
                v.person for v in votes if v.eligible and v.stage < index and v.verdict is YES
            ]
            approving = [person for person in approving if person not in before]
        if len(approving) < quorum.approvals:
            return Result.OPEN, index
        held += 1
    return (Result.APPROVED, None) if held == len(stages) else (Result.OPEN, held)


quorums = st.builds(Quorum, st.integers(1, 3), st.integers(1, 3), st.booleans())
ballots = st.dictionaries(
    st.tuples(st.sampled_from([ANA, BEN, CARO, DAN]), st.integers(0, 2)),
    st.tuples(st.sampled_from([YES, NO]), st.booleans()),
)


@given(st.lists(quorums, min_size=1, max_size=3), ballots)
def test_agrees_with_a_second_way_of_counting(stages, cast):
    votes = [
        vote(person, stage, verdict, eligible=eligible)
        for (person, stage), (verdict, eligible) in cast.items()
        if stage < len(stages)
    ]
    counted = tally(stages, votes)
    assert (counted.result, counted.stage) == naive(stages, votes)


@given(st.lists(quorums, min_size=1, max_size=3), ballots, st.sampled_from([ANA, BEN, CARO, DAN]))
def test_losing_a_voter_ends_nothing(stages, cast, lost):
    votes = [vote(p, s, v, eligible=e) for (p, s), (v, e) in cast.items() if s < len(stages)]
    without = [
        Vote(v.id, v.stage, v.person, v.verdict, v.eligible and v.person != lost) for v in votes
    ]
    if tally(stages, votes).result is Result.OPEN:
        assert tally(stages, without).result is Result.OPEN
