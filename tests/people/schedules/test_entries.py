from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from people.schedules.entries import MAX_SAID, Stint, TooMuch, merged, of_bytes, to_bytes

ZERO = datetime(2026, 11, 27, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 5)]


def hour(number: int) -> datetime:
    return ZERO + timedelta(hours=number)


stints = st.builds(
    Stint,
    begin=st.integers(0, 40).map(hour),
    end=st.integers(0, 40).map(hour),
    who=st.frozensets(st.sampled_from(PEOPLE), max_size=3),
)


@given(st.lists(stints, max_size=12))
def test_whoever_is_in_any_of_them_is_on_duty(given_stints):
    kept = of_bytes(to_bytes(merged(given_stints)))
    for number in range(-1, 42):
        at = hour(number)
        expected = {str(p) for one in given_stints if one.begin <= at < one.end for p in one.who}
        found = [set(span.who) for span in kept if span.begin <= at < span.end]
        assert found == ([expected] if expected else [])
    for before, after in pairwise(kept):
        assert before.end <= after.begin
        assert before.end < after.begin or before.who != after.who, "neighbours are one"


def test_what_overlaps_too_much_is_refused():
    crowd = frozenset(UUID(int=number) for number in range(1, 1_001))
    many = [Stint(hour(n), hour(2_000), crowd) for n in range(300)]
    many += [Stint(hour(n), hour(2_000), frozenset({UUID(int=2_000 + n)})) for n in range(300)]
    assert MAX_SAID < 300 * 1_000
    with pytest.raises(TooMuch):
        merged(many)
