"""What differs between two payloads, by table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.difference import MAX_CHANGES, Change, covered, difference
from core.canonical import JSON, canonical


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [("replace", "/a", 1, 2)]),
        ({"a": 1}, {}, [("remove", "/a", 1, None)]),
        ({}, {"a": None}, [("add", "/a", None, None)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("replace", "/a/c", 2, 3)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("replace", "/a/1", 2, 3)]),
        ({"a": [1, 2]}, {"a": [1]}, [("replace", "/a", [1, 2], [1])]),
        ({"a": True}, {"a": 1}, [("replace", "/a", True, 1)]),
        ({"a/b~c": 1}, {"a/b~c": 2}, [("replace", "/a~1b~0c", 1, 2)]),
        ({"a": {}}, {"a": []}, [("replace", "/a", {}, [])]),
    ],
)
def test_every_place_that_differs(before, after, found) -> None:
    told = [(one.op, one.pointer, one.before, one.after) for one in difference(before, after)]
    assert told == found


def test_a_flood_of_changes_is_one_of_the_whole():
    before: JSON = {str(number): number for number in range(MAX_CHANGES + 1)}
    after: JSON = {str(number): number + 1 for number in range(MAX_CHANGES + 1)}
    assert difference(before, after) == [Change("replace", (), before, after)]


def test_a_sensitive_change_shows_and_its_values_do_not() -> None:
    before: JSON = {"iban": "DE1", "to": {"name": "Ana", "card": "1"}, "amount": 1}
    after: JSON = {"iban": "DE2", "to": {"name": "Ben", "card": "2"}, "amount": 2}
    told = covered(difference(before, after), [("iban",), ("to", "card")])
    assert [(one.pointer, one.before, one.after) for one in told] == [
        ("/amount", 1, 2),
        ("/iban", "•••", "•••"),
        ("/to/card", "•••", "•••"),
        ("/to/name", "Ana", "Ben"),
    ]
    whole = covered([Change("replace", ("to",), {"card": "1"}, {"card": "2"})], [("to", "card")])
    assert whole[0].before == {"card": "•••"} == whole[0].after


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(VALUES, VALUES)
def test_nothing_differs_exactly_where_the_bytes_are_equal(before, after) -> None:
    assert (difference(before, after) == []) == (canonical(before) == canonical(after))
