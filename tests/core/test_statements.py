from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.db import pool
from core.statements import parsed

# PostgreSQL stores neither U+0000 nor half a surrogate pair.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
INSTANTS = st.datetimes(
    datetime.fromisoformat("0001-01-02"),
    datetime.fromisoformat("9999-12-30"),
    timezones=st.just(UTC),
)
CASES = [
    ("text", TEXTS | st.sampled_from(["NULL", "", "{", '"', "\\", "a,b", "\\x00", " "])),
    ("uuid", st.uuids()),
    ("bytea", st.binary()),
    ("bigint", st.integers(-(2**63), 2**63 - 1)),
    ("bool", st.booleans()),
    ("timestamptz", INSTANTS),
]


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(("kind", "values"), CASES)
def test_a_list_comes_back_as_it_went(kind, values):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(values | st.none()))
    def comes_back(items):
        with pool().connection() as conn:
            row = conn.execute(f"SELECT %(items)s::{kind}[]", {"items": items}).fetchone()
        assert row == (items,)

    comes_back()


def test_lists_in_lists_and_members_of_enumerations():
    with pool().connection() as conn:
        row = conn.execute(
            "SELECT %(deep)s::int[], %(names)s::text[]", {"deep": [[1], [2]], "names": [Colour.RED]}
        ).fetchone()
    assert row == ([[1], [2]], ["red"])


def test_what_no_column_holds_is_refused():
    with pool().connection() as conn, pytest.raises(TypeError, match="float has no form"):
        conn.execute("SELECT %(items)s::float8[]", {"items": [0.5]})


def test_a_name_stands_for_one_value_wherever_it_stands():
    with pool().connection() as conn:
        row = conn.execute(
            "SELECT %(b)s::int - %(a)s::int, %(b)s::int %% 4, 'like %%'",
            {"a": 1, "b": 7, "unused": 0},
        ).fetchone()
        assert row == (6, 3, "like %")
        assert conn.execute("SELECT %s::int", [3]).fetchone() == (3,)
        assert conn.execute("SELECT 5").fetchone() == (5,)


def test_a_statement_without_values():
    text, pick = parsed("SELECT 1")
    assert (text, pick({"a": 1})) == (b"SELECT 1", ())


def test_a_missing_value_is_an_error_and_leaves_the_connection_usable():
    with pool().connection() as conn:
        with pytest.raises(KeyError):
            conn.execute("SELECT %(here)s::int, %(gone)s::int", {"here": 1})
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_one_long_statement_is_prepared_once_whatever_its_lists_hold():
    with pool().connection() as conn:
        for items in ([], [1], [None, 2]):
            conn.execute("SELECT 'prepared once', %(items)s::int[]", {"items": items}, prepare=True)
        named = conn.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT ''prepared once''%'"
        ).fetchone()
    assert named == (1,)
