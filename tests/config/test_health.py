"""Whether the process lives, and whether it can serve: quickly, and never hanging."""

from __future__ import annotations

import threading
import time
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from django.db import connections

from config import health
from core import db, due
from tests.promises import ask, promise, terminate


@pytest.fixture(autouse=True)
def probe(monkeypatch):
    made = health._Probe()
    monkeypatch.setattr(health, "_probe", made)
    yield made
    made.close()


@pytest.fixture
def on_time(monkeypatch):
    monkeypatch.setattr(due, "overdue", lambda **_: [])
    ask("DELETE FROM oversight_watch RETURNING 1")


def test_alive_asks_nobody():
    assert health.alive() == (200, {"status": "ok"})


def test_ready_is_quick(on_time):
    assert health.ready() == (200, {"status": "ok"})
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        assert health.ready()[0] == 200
        times.append(time.perf_counter() - begun)
    assert sorted(times)[3] < 0.005


def test_overdue_rows_degrade_and_do_not_fail():
    kind = f"test.{uuid4()}"
    promise(kind, -120, -30, -1)
    try:
        status, body = health.ready()
    finally:
        ask("DELETE FROM core_due WHERE kind = %s RETURNING 1", kind)
    assert status == 200
    assert body["status"] == "degraded"
    overdue = cast("list[dict[str, Any]]", body["overdue"])
    (told,) = [row for row in overdue if row["kind"] == kind]
    assert told["count"] == 2
    assert 120 <= told["oldest_s"] < 130


def test_a_missing_migration_is_not_ready_and_found_once_it_is_there(on_time):
    with connections["owner"].cursor() as owner:
        owner.execute("DELETE FROM django_migrations WHERE app = 'core' RETURNING name, applied")
        rows = owner.fetchall()
        try:
            status, body = health.ready()
            assert status == 503
            assert body["type"] == "urn:assentry:problem:not_ready"
            assert f"core.{rows[0][0]}" in str(body["detail"])
        finally:
            owner.executemany(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('core', %s, %s)", rows
            )
    assert health.ready()[0] == 200


def test_a_connection_the_server_closed_is_replaced(on_time):
    assert health.ready()[0] == 200
    assert terminate(f"{db.application_name()} health") >= 1
    assert health.ready()[0] == 200


def test_a_missing_database_is_a_problem_and_its_return_is_seen(on_time, monkeypatch):
    def refuse(**_: object) -> None:
        raise psycopg.OperationalError("the server is not there")

    with monkeypatch.context() as patch:
        patch.setattr(db, "connect", refuse)
        status, body = health.ready()
        assert status == 503
        assert body["type"] == "urn:assentry:problem:database_unavailable"
        assert "not there" not in str(body)  # the reason is the operator's
    assert health.ready()[0] == 200


def test_a_hanging_database_makes_nobody_hang(on_time, monkeypatch):
    hanging = threading.Event()

    def hang(**_: object) -> None:
        hanging.wait(10)
        raise psycopg.OperationalError("at last")

    monkeypatch.setattr(health, "PATIENCE_S", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(db, "connect", hang)
        begun = time.monotonic()
        answers = [health.ready()[0] for _ in range(20)]
        assert time.monotonic() - begun < 1  # they share one look, and one thread
        assert set(answers) == {503}
        assert [thread.name for thread in threading.enumerate()].count("health") == 1
        hanging.set()
        time.sleep(0.1)
    assert health.ready()[0] == 200


def test_a_crowded_pool_is_no_reason_to_fail(on_time):
    held = [db.pool().getconn() for _ in range(db.MAX_SIZE)]
    try:
        assert health.ready()[0] == 200
    finally:
        for conn in held:
            db.pool().putconn(conn)
