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


def test_worker_and_beat_may_be_apart_or_doubled(server, workers: Workers):
    worker = workers.start("--no-beat", REDIS_URL=server.url)
    promise(workers.kind, *[0.1] * 50)
    time.sleep(1.5)
    assert workers.notes == []  # nobody beats yet
    assert nudge(workers.kind, server.url) < 1
    workers.await_notes(50)

    beat = workers.start("--only-beat", wait=False, REDIS_URL=server.url)
    promise(workers.kind, 0)
    workers.await_notes(51)

    workers.start(REDIS_URL=server.url)  # beats too
    promise(workers.kind, *[n / 100 for n in range(300)])
    notes = workers.await_notes(351)
    assert len({note.subject for note in notes}) == len(notes) == 351
    assert left(workers.kind) == []
    assert seconds_to_end(beat) < 3
    assert seconds_to_end(worker) < 3
    assert len(workers.said.splitlines()) == 2, workers.said


def test_nothing_is_lost_with_redis_late_emptied_killed_and_gone(server, workers: Workers):
    server.kill()
    worker = workers.start(wait=False, REDIS_URL=server.url)
    promise(workers.kind, 0)
    workers.await_notes(1, 60)  # never there, and the clock runs all the same
    assert worker.poll() is None
    server.start()
    eventually(lambda: "is ready" in workers.said, 60)

    promise(workers.kind, *[n / 50 for n in range(150)])
    for _ in range(10):
        server.client.flushall()
        time.sleep(0.3)
    workers.await_notes(151)

    server.kill()
    time.sleep(1.5)  # the last sweep's window is over
    promise(workers.kind, *[0] * 20)
    assert nudge(workers.kind, server.url) < 1  # whoever asks never waits for Redis
    workers.await_notes(171)  # without a broker the beat keeps them itself
    assert left(workers.kind) == []
    assert worker.poll() is None
    server.start()  # empty
    eventually(lambda: "reaches the broker again" in workers.said)
    promise(workers.kind, *[0] * 20)
    begun = time.monotonic()
    notes = workers.await_notes(191)
    assert time.monotonic() - begun < 10
    assert len({note.subject for note in notes}) == len(notes) == 191

    server.kill()
    time.sleep(1)
    assert seconds_to_end(worker) < 3
