"""The pool of the hot calls: what its callers see when the database goes, or is crowded."""

from __future__ import annotations

import psycopg
import pytest

from core import db
from tests.promises import ask


def test_a_connection_is_utc_autocommit_and_bounded():
    with db.pool().connection() as conn:
        assert conn.autocommit
        shown = conn.execute(
            "SELECT current_setting('TimeZone'), current_setting('statement_timeout'), "
            "current_setting('idle_in_transaction_session_timeout')"
        ).fetchone()
    assert shown == ("UTC", "30s", "10s")


def test_idle_connections_that_the_server_closed_are_never_served():
    with db.pool().connection(), db.pool().connection(), db.pool().connection():
        pass  # three are idle now
    with db.connect(application_name="test") as other:
        cut = other.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database()",
            (db.application_name(),),
        ).fetchone()
    assert cut is not None
    assert cut[0] >= 3
    for _ in range(8):
        assert ask("SELECT 1") == [(1,)]


def test_a_connection_that_breaks_in_use_is_unavailable_and_the_next_call_works():
    def broken() -> None:
        with db.pool().connection() as conn:
            with db.connect(application_name="test") as other:
                other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            conn.execute("SELECT 1")

    with pytest.raises(db.Unavailable) as refused:
        broken()
    assert refused.value.status == 503
    assert refused.value.headers["Retry-After"]
    assert ask("SELECT 1") == [(1,)]


def test_a_crowded_pool_is_unavailable_after_the_patience():
    held = [db.pool().getconn() for _ in range(db.MAX_SIZE)]
    try:
        with pytest.raises(db.Unavailable), db.pool().connection(timeout=0.1):
            pass
    finally:
        for conn in held:
            db.pool().putconn(conn)
    assert ask("SELECT 1") == [(1,)]


def test_an_error_in_a_statement_stays_what_it_is():
    with pytest.raises(psycopg.errors.DivisionByZero), db.pool().connection() as conn:
        conn.execute("SELECT 1 / 0")


def test_a_plan_made_while_a_table_is_small_still_goes_by_the_index_when_it_has_grown():
    find = "SELECT n FROM grown WHERE n = ANY(%(wanted)s::int[])"
    read = "SELECT pg_stat_get_xact_tuples_returned('grown'::regclass), %(a)s::int"
    with db.pool().connection() as conn, conn.transaction(force_rollback=True):
        conn.execute("CREATE TEMP TABLE grown (n int PRIMARY KEY)")
        conn.execute("INSERT INTO grown VALUES (1), (2)")
        conn.execute("ANALYZE grown")
        assert conn.execute(find, {"wanted": [2]}).fetchall() == [(2,)]
        conn.execute("INSERT INTO grown SELECT generate_series(3, 20000)")
        before = conn.execute(read, {"a": 1}).fetchone()
        assert len(conn.execute(find, {"wanted": [2, 30, 400]}).fetchall()) == 3
        after = conn.execute(read, {"a": 1}).fetchone()
        plans = conn.execute(
            "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE %(like)s",
            {"like": "SELECT n FROM grown%"},
        ).fetchone()
    assert plans == (0,)
    assert before is not None
    assert after is not None
    assert after[0] - before[0] < 10
