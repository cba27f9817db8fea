"""The doors between Celery and the rows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest

from config import tasks
from config.celery import app
from config.due import HANDLERS
from core import db, due
from tests.audit.logs import waiting, write


@pytest.fixture
def handlers(monkeypatch):
    made: dict[str, due.Handler] = {}
    monkeypatch.setattr(tasks, "HANDLERS", made)
    return made


def ignore(_claimed: Sequence[due.Claimed]) -> None:
    raise AssertionError("nothing is due")


def test_every_kind_is_swept_every_second():
    schedule = {
        name: entry for name, entry in app.conf.beat_schedule.items() if name.startswith("due ")
    }
    assert {entry["args"][0] for entry in schedule.values()} == set(HANDLERS)
    assert {entry["schedule"].total_seconds() for entry in schedule.values()} == {1}
    assert {entry["task"] for entry in schedule.values()} == {tasks.run_due.name}


def test_the_log_is_sequenced_four_times_a_second():
    entry = app.conf.beat_schedule["sequence the log"]
    assert entry["task"] == tasks.sequence.name
    assert entry["schedule"].total_seconds() == 0.25
    workspace = uuid4()
    write(workspace, 2)
    tasks.sequence()
    assert waiting(workspace) == 0


def test_only_json_is_read_and_nothing_is_kept():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result
    assert type(app.backend).__name__ == "DisabledBackend"


def test_a_kind_of_another_version_is_left_to_it(handlers, caplog):
    tasks.run_due("test.unknown")
    assert "test.unknown" in caplog.text


def test_one_kind_cannot_take_all_threads(handlers, monkeypatch):
    handlers["test.kind"] = ignore
    begun, end = threading.Semaphore(0), threading.Event()
    runs = 0

    def run(*_: object, **__: object) -> None:
        nonlocal runs
        runs += 1
        begun.release()
        end.wait(5)

    monkeypatch.setattr(due, "run", run)
    threads = [threading.Thread(target=tasks.run_due, args=("test.kind",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(tasks.MOST_OF_A_KIND):
        assert begun.acquire(timeout=5)
    end.set()
    for thread in threads:
        thread.join()
    assert runs == tasks.MOST_OF_A_KIND
    tasks.run_due("test.kind")
    assert runs == tasks.MOST_OF_A_KIND + 1  # the places are free again


def test_an_outage_is_told_once_and_so_is_its_end(handlers, monkeypatch, caplog):
    handlers["test.kind"] = ignore

    def away(*_: object, **__: object) -> None:
        raise db.Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(due, "run", away)
        for _ in range(5):
            tasks.run_due("test.kind")
    for _ in range(5):
        tasks.run_due("test.kind")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "again" in caplog.records[1].getMessage()


def test_equal_nudges_wait_as_one_and_a_nudge_during_the_work_counts(monkeypatch):
    sent: list[str] = []
    monkeypatch.setattr(tasks.run_due, "apply_async", lambda args: sent.append(args[0]))
    merged = tasks.Merged()
    for _ in range(100):
        merged.ask("test.a")
        merged.ask("test.b")
    assert sent == ["test.a", "test.b"]
    merged.begun("test.a")
    merged.ask("test.a")
    assert sent == ["test.a", "test.b", "test.a"]
