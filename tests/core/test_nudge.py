"""Hints after commit: merged, never in the way, and never the only thread a promise hangs by."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest

from core import db, nudge
from core.nudge import NUDGE_CHANNEL, WAKE_CHANNEL, Nudger, payloads
from tests.promises import terminate


@pytest.fixture
def nudger() -> Iterator[Nudger]:
    made = Nudger()
    yield made
    made.close()


@contextmanager
def listening() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with db.connect(application_name="test listener") as conn:
        conn.execute(f"LISTEN {NUDGE_CHANNEL}")
        conn.execute(f"LISTEN {WAKE_CHANNEL}")
        yield conn


def heard(conn, *, until: str, timeout: float = 5) -> list[tuple[str, str]]:
    """Return all notifications up to the one that contains `until`."""
    found = []
    for notice in conn.notifies(timeout=timeout):
        found.append((notice.channel, notice.payload))
        if until in notice.payload:
            return found
    raise AssertionError(f"{until} was not heard, only {found}")


@pytest.mark.parametrize("count", [0, 1, 2, 230, 5000])
def test_topics_are_joined_below_the_limit_and_none_is_lost(count):
    topics = {f"r:{uuid4().hex}" for _ in range(count)}
    sent = list(payloads({(WAKE_CHANNEL, topic) for topic in topics}))
    assert {topic for _, payload in sent for topic in payload.split(",")} == topics
    assert all(len(payload) <= nudge.MAX_PAYLOAD < 8000 for _, payload in sent)
    assert len(sent) == -(-count // 225)  # 35 bytes each with its comma


def test_each_kind_is_a_notification_of_its_own():
    hints = {(NUDGE_CHANNEL, "a"), (NUDGE_CHANNEL, "b"), (WAKE_CHANNEL, "r:1")}
    assert sorted(payloads(hints)) == sorted(hints)


def test_what_is_asked_together_is_sent_merged(nudger):
    topics = [f"r:{uuid4().hex}" for _ in range(1000)]
    with listening() as conn:
        for topic in topics:
            nudger.nudge("test.kind")
            nudger.wake(topic, "w:same")
        nudger.wake("w:last")
        assert nudger.flush()
        found = heard(conn, until="w:last")
    woken = {
        topic for channel, text in found if channel == WAKE_CHANNEL for topic in text.split(",")
    }
    assert woken >= {*topics, "w:same"}
    assert len(found) < 40
    assert (NUDGE_CHANNEL, "test.kind") in found


def test_the_first_hint_is_sent_at_once(nudger):
    nudger.wake("w:warm")
    nudger.flush()
    time.sleep(0.05)
    with listening() as conn:
        begun = time.monotonic()
        nudger.wake("w:quick")
        heard(conn, until="w:quick")
        assert time.monotonic() - begun < 0.5


def test_a_killed_connection_costs_no_hint(nudger):
    nudger.wake("w:before")
    nudger.flush()
    assert terminate(db.application_name()) >= 1
    with listening() as conn:
        nudger.wake("w:after")
        heard(conn, until="w:after")


def test_a_missing_database_is_dropped_silently_and_sending_resumes(nudger, monkeypatch, caplog):
    def refuse(**_: object) -> None:
        raise psycopg.OperationalError("the server is not there")

    monkeypatch.setattr(nudge, "REST_S", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(db, "connect", refuse)
        nudger.wake("w:lost")
        assert nudger.flush()
        for _ in range(50):
            nudger.wake("w:lost")  # within the rest: not even tried
        assert nudger.flush()
    assert len(caplog.records) == 1
    time.sleep(0.1)
    with listening() as conn:
        nudger.wake("w:found")
        assert "w:lost" not in str(heard(conn, until="w:found"))


def test_a_broker_that_hangs_delays_no_wake_up(nudger):
    hanging = threading.Event()
    nudger.through_broker(lambda _kind: hanging.wait(10))
    with listening() as conn:
        nudger.nudge("test.kind")
        nudger.wake("w:free")
        heard(conn, until="w:free", timeout=2)
    assert not nudger.flush(0.05)
    hanging.set()


def test_a_broker_gets_the_kinds_and_postgres_does_not(nudger):
    sent: list[str] = []
    nudger.through_broker(sent.append)
    with listening() as conn:
        for _ in range(100):
            nudger.nudge("test.kind")
        nudger.wake("w:end")
        assert nudger.flush()
        found = heard(conn, until="w:end")
    assert {channel for channel, _ in found} == {WAKE_CHANNEL}
    assert set(sent) == {"test.kind"}
    assert len(sent) < 10


def test_a_closed_nudger_begins_again(nudger):
    nudger.wake("w:first")
    nudger.close()
    with listening() as conn:
        nudger.wake("w:second")
        heard(conn, until="w:second")


def test_a_forked_child_starts_threads_and_connection_of_its_own(nudger):
    nudger.wake("w:parent")
    nudger.flush()
    of_the_parent = nudger._notifier._conn
    nudger.begin_anew()
    with listening() as conn:
        nudger.wake("w:child")
        heard(conn, until="w:child")
    assert nudger._notifier._conn is not of_the_parent
    of_the_parent.close()
