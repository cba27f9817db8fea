"""The log under a database that is killed again and again: nothing acknowledged is lost, no fork, no gap."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from audit.log import INSERT_EVENTS, event_rows
from audit.tree import leaf_hash
from config.environment import ROOT
from core import ids
from runtime.postgres import EmbeddedPostgres
from tests.audit.logs import facts, oracle
from tests.processes import Worker, eventually

WRITERS = 64
KILLS = 5


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of one's own, migrated, with a worker's environment pointing at it."""
    with EmbeddedPostgres(tmp_path / "pg", settings={"max_connections": "150"}) as server:
        subprocess.run(
            [sys.executable, "-W", "ignore", "manage.py", "migrate", "-v0", "--skip-checks"],
            cwd=ROOT,
            env={**os.environ, **environment(server)},
            check=True,
        )
        yield server


def environment(server: EmbeddedPostgres) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": server.runtime_url,
        "ASSENTRY_OWNER_URL": server.owner_url,
        "ASSENTRY_DEV": "1",
    }


class Writer(threading.Thread):
    """Writes events one after another, and remembers those whose commit was acknowledged."""

    def __init__(self, url: str, workspace: UUID, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.url, self.workspace, self.stop = url, workspace, stop
        self.acknowledged: list[UUID] = []

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as conn:
                    self._write(conn)
            except psycopg.OperationalError:
                time.sleep(0.05)  # the server is away

    def _write(self, conn: psycopg.Connection[Any]) -> None:
        while not self.stop.is_set():
            row = conn.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            rows = event_rows(facts(self.workspace, 1), row[0])
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
            self.acknowledged += rows["ev_id"]


def test_many_writers_and_a_database_killed_five_times_leave_no_fork_and_no_gap(
    postgres: EmbeddedPostgres, tmp_path: Path
):
    workspace, stop = ids.uuid7(), threading.Event()
    writers = [Writer(postgres.runtime_url, workspace, stop) for _ in range(WRITERS)]
    worker = Worker(tmp_path, **environment(postgres))
    try:
        for writer in writers:
            writer.start()
        for _ in range(KILLS):
            before = sum(len(writer.acknowledged) for writer in writers)
            eventually(more(writers, before + 100), timeout=60)
            eventually(lambda: sized(postgres, workspace) > 0, timeout=60)
            postgres.kill9()
            postgres.start()
        eventually(more(writers, sum(len(writer.acknowledged) for writer in writers) + 100), 60)
        stop.set()
        for writer in writers:
            writer.join(20)
        eventually(lambda: ask(postgres, "SELECT count(*) FROM audit_pending") == [(0,)], 60)
    finally:
        stop.set()
        worker.kill()
    acknowledged = {event for writer in writers for event in writer.acknowledged}
    places = ask(
        postgres,
        "SELECT l.event_id, l.position, l.hash, e.body FROM audit_leaf l"
        " JOIN audit_event e ON e.id = l.event_id ORDER BY l.position",
    )
    assert [position for _, position, *_ in places] == list(range(len(places)))
    assert acknowledged <= {event for event, *_ in places}
    assert ask(postgres, "SELECT count(*) FROM audit_event") == [(len(places),)]
    assert all(digest == leaf_hash(body) for *_, digest, body in places)
    tree = oracle([body for *_, body in places])
    signed = ask(postgres, "SELECT number, size, root FROM audit_checkpoint ORDER BY number")
    assert [number for number, *_ in signed] == list(range(len(signed)))
    assert [(size, root) for _, size, root in signed] == [
        (size, tree.get_root(size)) for _, size, _ in signed
    ]
    assert signed[-1][1] == len(places)


def more(writers: list[Writer], than: int) -> Callable[[], bool]:
    return lambda: sum(len(writer.acknowledged) for writer in writers) > than


def sized(server: EmbeddedPostgres, workspace: UUID) -> int:
    """How long the newest checkpoint says that the log is."""
    try:
        ((size,),) = ask(server, "SELECT coalesce(max(size), 0) FROM audit_checkpoint")
    except psycopg.OperationalError:
        return 0
    return int(size)


def ask(server: EmbeddedPostgres, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.runtime_url, connect_timeout=5) as conn:
        return conn.cursor(binary=True).execute(statement).fetchall()
