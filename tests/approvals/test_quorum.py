"""Counting votes, by table and against a second way of counting."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.quorum import Quorum, Result, Vote, tally
from approvals.status import Verdict

ANA, BEN, CARO, DAN, EVE = (UUID(int=number) for number in range(1, 6))
YES, NO = Verdict.APPROVE, Verdict.REJECT


def vote(person, stage=0, verdict=YES, *, eligible=True, behalf=None):
    return Vote(UUID(int=person.int * 100 + stage), stage, person, verdict, eligible, behalf)


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


TWO_AGAINST = [Quorum(2, 2)]


@pytest.mark.parametrize(
    ("stages", "votes", "result", "stage"),
    [
        pytest.param(ONE, [vote(BEN, behalf=ANA)], Result.APPROVED, None, id="in another's place"),
        pytest.param(
            TWO_OF_ONE_TEAM,
            [vote(BEN, behalf=ANA), vote(CARO)],
            Result.APPROVED,
            None,
            id="a seat that is filled, and another",
        ),
        pytest.param(
            TWO_OF_ONE_TEAM,
            [vote(ANA), vote(BEN, behalf=ANA)],
            Result.OPEN,
            0,
            id="a seat counts once, whoever fills it",
        ),
        pytest.param(
            TWO_OF_ONE_TEAM,
            [vote(BEN, behalf=ANA), vote(CARO, behalf=ANA)],
            Result.OPEN,
            0,
            id="nor do two stand-ins make two",
        ),
        pytest.param(
            TWO_OF_ONE_TEAM,
            [vote(BEN, behalf=ANA, eligible=False), vote(CARO)],
            Result.OPEN,
            0,
            id="the absence is over",
        ),
        pytest.param(
            TWO_AGAINST,
            [vote(ANA, verdict=NO), vote(BEN, verdict=NO, behalf=ANA)],
            Result.OPEN,
            0,
            id="nor does one seat reject twice",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(ANA), vote(BEN, 1, behalf=ANA), vote(CARO, 1)],
            Result.OPEN,
            1,
            id="whose seat was used earlier does not count again",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(BEN, behalf=ANA), vote(ANA, 1), vote(CARO, 1)],
            Result.OPEN,
            1,
            id="nor whose seat another filled earlier",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(BEN), vote(BEN, 1, behalf=ANA), vote(CARO, 1)],
            Result.OPEN,
            1,
            id="nor does who voted earlier, in another's place",
        ),
        pytest.param(
            TWO_TEAMS,
            [vote(BEN, behalf=ANA), vote(CARO, 1), vote(DAN, 1, behalf=EVE)],
            Result.APPROVED,
            None,
            id="four people of whom none was there before",
        ),
    ],
)
def test_counts_seats(stages, votes, result, stage):
    counted = tally(stages, votes)
    assert (counted.result, counted.stage) == (result, stage)


def most(votes):
    """The most votes of which no two share a voter or a seat, by trying every choice."""
    return max(
        len(chosen)
        for size in range(len(votes) + 1)
        for chosen in combinations(votes, size)
        if len({v.person for v in chosen}) == len({v.seat for v in chosen}) == size
    )


def naive(stages, votes):
    """The same rule told the other way round: the stages that hold, from the front."""
    held, barred = 0, []
    for index, quorum in enumerate(stages):
        live = [v for v in votes if v.eligible and v.stage == index]
        if most([v for v in live if v.verdict is NO]) >= quorum.rejections:
            return Result.REJECTED, None
        approving = [v for v in live if v.verdict is YES]
        if quorum.distinct_from_earlier:
            before = [
                person
                for v in votes
                if v.eligible and v.stage < index and v.verdict is YES and v not in barred
                for person in (v.person, v.on_behalf_of)
            ]
            late = [v for v in approving if v.person in before or v.seat in before]
            barred += late
            approving = [v for v in approving if v not in late]
        if most(approving) < quorum.approvals:
            return Result.OPEN, index
        held += 1
    return (Result.APPROVED, None) if held == len(stages) else (Result.OPEN, held)


quorums = st.builds(Quorum, st.integers(1, 3), st.integers(1, 3), st.booleans())
ballots = st.dictionaries(
    st.tuples(st.sampled_from([ANA, BEN, CARO, DAN]), st.integers(0, 2)),
    st.tuples(
        st.sampled_from([YES, NO]), st.booleans(), st.sampled_from([None, None, ANA, BEN, EVE])
    ),
)


@given(st.lists(quorums, min_size=1, max_size=3), ballots)
def test_agrees_with_a_second_way_of_counting(stages, cast):
    votes = [
        vote(person, stage, verdict, eligible=eligible, behalf=None if behalf == person else behalf)
        for (person, stage), (verdict, eligible, behalf) in cast.items()
        if stage < len(stages)
    ]
    counted = tally(stages, votes)
    assert (counted.result, counted.stage) == naive(stages, votes)


@given(st.lists(quorums, min_size=1, max_size=3), ballots, st.sampled_from([ANA, BEN, CARO, DAN]))
def test_losing_a_voter_ends_nothing(stages, cast, lost):
    votes = [
        vote(p, s, v, eligible=e, behalf=None if behalf == p else behalf)
        for (p, s), (v, e, behalf) in cast.items()
        if s < len(stages)
    ]
    without = [replace(v, eligible=v.eligible and lost not in v.people) for v in votes]
    if tally(stages, votes).result is Result.OPEN:
        assert tally(stages, without).result is Result.OPEN
