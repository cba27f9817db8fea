from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.db import Unavailable, pool
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


def test_an_error_is_psycopgs_own_and_leaves_the_connection_usable():
    with pool().connection() as conn:
        with pytest.raises(psycopg.errors.DivisionByZero) as raised:
            conn.execute("SELECT 1 / %(zero)s::int", {"zero": 0})
        assert raised.value.sqlstate == "22012"
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("SELECT %(a)s::int FROM no_such_table", {"a": 1})
        conn.execute("CREATE TEMP TABLE twice (n int CONSTRAINT once UNIQUE)")
        with pytest.raises(psycopg.errors.UniqueViolation) as twice:
            conn.execute("INSERT INTO twice SELECT %(n)s::int FROM generate_series(1, 2)", {"n": 1})
        conn.execute("DROP TABLE twice")
        assert twice.value.diag.constraint_name == "once"
        assert conn.execute("SELECT %(a)s::int", {"a": 1}).fetchone() == (1,)


def test_a_lost_connection_is_an_operational_error():
    def end_itself():
        with pool().connection() as conn:
            conn.execute(
                "SELECT pg_terminate_backend(%(me)s::int), pg_sleep(1)",
                {"me": conn.info.backend_pid},
            )

    with pytest.raises(Unavailable):
        end_itself()
    with pool().connection() as conn:
        assert conn.execute("SELECT %(a)s::int", {"a": 1}).fetchone() == (1,)


def test_rows_are_given_once_in_every_way():
    statement = "SELECT * FROM generate_series(1, %(last)s::int)"
    with pool().connection() as conn:
        cursor = conn.execute(statement, {"last": 5})
        assert cursor.rowcount == 5
        assert (cursor.fetchone(), cursor.fetchmany(2), next(cursor)) == ((1,), [(2,), (3,)], (4,))
        assert (cursor.fetchall(), cursor.fetchone(), cursor.fetchall()) == ([(5,)], None, [])
        assert [number for (number,) in conn.execute(statement, {"last": 2})] == [1, 2]
        empty = conn.execute(statement, {"last": 0})
        assert (empty.rowcount, empty.fetchone()) == (0, None)


def test_it_works_inside_a_transaction_and_after_one_that_failed():
    with pool().connection() as conn:
        with conn.transaction():
            conn.execute("CREATE TEMP TABLE kept (n int)")
            done = conn.execute("INSERT INTO kept VALUES (%(n)s)", {"n": 7})
            assert done.rowcount == 1

        def add_and_fail():
            with conn.transaction():
                conn.execute("INSERT INTO kept VALUES (%(n)s)", {"n": 8})
                conn.execute("SELECT 1 / %(zero)s::int", {"zero": 0})

        with pytest.raises(psycopg.errors.DivisionByZero):
            add_and_fail()
        assert conn.execute("SELECT n FROM kept WHERE n > %(n)s", {"n": 0}).fetchall() == [(7,)]
        conn.execute("DROP TABLE kept")
