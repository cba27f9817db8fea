"""The worker on Redis: the same promises, whatever happens to the broker."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.config import redis_server
from tests.config.workers import Workers, eventually, seconds_to_end
from tests.promises import left, promise

pytestmark = pytest.mark.redis

#: A process that nudges as a web process does, and says how long it took.
NUDGE = """
import sys, time, django
django.setup()
from config import nudges
from core.nudge import nudger
nudges.arrange()
begun = time.monotonic()
nudger.nudge(sys.argv[1])
print(time.monotonic() - begun)
nudger.flush(5)
"""


@pytest.fixture
def server() -> Iterator[redis_server.Server]:
    program = redis_server.program()
    if program is None:
        pytest.skip("there is no redis-server, and no wheel of one for this machine")
    made = redis_server.Server(program)
    made.start()
    yield made
    made.end()


def nudge(kind: str, url: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", NUDGE, kind],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.test_settings", "REDIS_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def test_worker_and_beat_are_processes_of_their_own(server, workers: Workers):
    worker = workers.start("--no-beat", REDIS_URL=server.url)
    promise(workers.kind, *[0.1] * 50)
    time.sleep(1.5)
    assert workers.notes == []  # nobody beats yet
    beat = workers.start("--only-beat", wait=False, REDIS_URL=server.url)
    assert len(workers.await_notes(50)) == 50
    assert seconds_to_end(beat) < 3
    assert seconds_to_end(worker) < 3
    assert len(workers.said.splitlines()) == 1, workers.said


def test_two_workers_that_both_beat_keep_each_promise_once(server, workers: Workers):
    workers.start(REDIS_URL=server.url)
    workers.start(REDIS_URL=server.url)
    rows = promise(workers.kind, *[n / 100 for n in range(300)])
    notes = workers.await_notes(300)
    assert sorted(note.subject for note in notes) == sorted(str(row.subject) for row in rows)
    assert left(workers.kind) == []


def test_a_nudge_goes_through_redis_and_never_waits_for_it(server, workers: Workers):
    workers.start("--no-beat", REDIS_URL=server.url)
    promise(workers.kind, 0)
    assert nudge(workers.kind, server.url) < 0.1
    workers.await_notes(1)
    server.kill()
    assert nudge(workers.kind, server.url) < 0.1


def test_an_emptied_redis_loses_nothing(server, workers: Workers):
    workers.start(REDIS_URL=server.url)
    promise(workers.kind, *[n / 50 for n in range(150)])
    for _ in range(10):
        server.client.flushall()
        time.sleep(0.3)
    assert len(workers.await_notes(150)) == 150
    assert left(workers.kind) == []


def test_a_dead_redis_delays_and_loses_nothing_also_when_it_returns_empty(server, workers: Workers):
    worker = workers.start(REDIS_URL=server.url)
    promise(workers.kind, 0)
    workers.await_notes(1)
    server.kill()
    time.sleep(1.5)  # the last sweep's window is over
    promise(workers.kind, *[0] * 20)
    time.sleep(2)
    assert worker.poll() is None
    assert len(left(workers.kind)) == 20  # nobody can beat, nothing is lost
    server.start()
    begun = time.monotonic()
    workers.await_notes(21)
    assert time.monotonic() - begun < 8
    assert left(workers.kind) == []
    eventually(lambda: "reaches the broker again" in workers.said)


def test_a_worker_ends_in_time_while_redis_is_away(server, workers: Workers):
    worker = workers.start(REDIS_URL=server.url)
    server.kill()
    time.sleep(1)
    assert seconds_to_end(worker) < 3


def test_a_worker_that_starts_before_redis_waits_for_it(server, workers: Workers):
    server.kill()
    workers.start(wait=False, REDIS_URL=server.url)
    promise(workers.kind, 0)
    time.sleep(3)
    server.start()
    workers.await_notes(1)
