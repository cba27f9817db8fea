"""The embedded worker as a process: it keeps promises, however it and its connections end."""

from __future__ import annotations

import os
import signal
import time

import psutil

from core.nudge import Nudger
from tests.config.workers import Workers, eventually, seconds_to_end
from tests.promises import ask, left, promise, terminate

WORKER = "assentry worker"
LISTENER = "assentry worker listener"


def test_the_sweep_finds_what_nobody_nudged(workers: Workers):
    process = workers.start()
    promise(workers.kind, *[0.5 + n / 250 for n in range(250)])
    notes = workers.await_notes(250)
    assert sorted(note.late_s for note in notes)[247] < 1.5  # p99
    assert {note.fence for note in notes} == {1}
    assert left(workers.kind) == []
    assert seconds_to_end(process) < 3
    # No banner, no warnings, nothing of what runs well.
    assert len(workers.said.splitlines()) == 1, workers.said


def test_a_nudge_is_heard_also_after_the_listener_lost_its_connection(workers: Workers):
    workers.start(TEST_NO_SWEEP="1")
    nudger = Nudger()

    def kept_after_nudge() -> float:
        before = len(workers.notes)
        promise(workers.kind, 0)
        nudger.nudge(workers.kind)
        return workers.await_notes(before + 1)[-1].late_s

    # Nobody sweeps here: what is kept was heard.
    assert kept_after_nudge() < 5
    assert terminate(LISTENER) == 1
    # Said while nobody listens: lost. The look after the reconnection finds the row.
    assert kept_after_nudge() < 5
    assert kept_after_nudge() < 5
    nudger.close()


def test_work_goes_on_when_the_database_cut_every_connection(workers: Workers):
    workers.start()
    promise(workers.kind, 0)
    workers.await_notes(1)
    assert terminate(WORKER) >= 1
    terminate(LISTENER)
    promise(workers.kind, *[n / 20 for n in range(40)])
    assert len(workers.await_notes(41)) == 41
    assert left(workers.kind) == []


def test_two_beats_do_no_harm(workers: Workers):
    workers.start()
    workers.start()
    rows = promise(workers.kind, *[n / 100 for n in range(300)])
    notes = workers.await_notes(300)
    assert sorted(note.subject for note in notes) == sorted(str(row.subject) for row in rows)
    assert left(workers.kind) == []


def test_a_killed_worker_s_rows_return_when_their_lease_ends(workers: Workers):
    process = workers.start(TEST_LEASE_S="1.5")
    kind = f"{workers.kind}.hang"
    promise(kind, 0)
    workers.await_notes(1)
    process.kill()
    process.wait()
    ((fence, leased),) = ask(
        "SELECT fence, ready_at > clock_timestamp() FROM core_due WHERE kind = %s", kind
    )
    assert (fence, leased) == (1, True)
    ask("UPDATE core_due SET kind = %s WHERE kind = %s RETURNING 1", workers.kind, kind)
    workers.start(TEST_LEASE_S="1.5")
    kept = workers.await_notes(2)[-1]
    assert kept.fence == 2
    assert left(workers.kind) == []


def test_it_ends_in_time_while_work_hangs(workers: Workers):
    process = workers.start()
    promise(f"{workers.kind}.hang", 0)
    workers.await_notes(1)
    assert seconds_to_end(process, signal.SIGINT) < 3


def test_it_ends_before_it_is_ready(workers: Workers):
    process = workers.start(wait=False)
    eventually(lambda: psutil.Process(process.pid).num_threads() > 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in {0, -signal.SIGTERM}


def test_it_ends_with_the_process_that_started_it(workers: Workers):
    ours, theirs = os.pipe()
    os.set_inheritable(ours, True)
    process = workers.start(ASSENTRY_PARENT_FD=str(ours), pass_fds=(ours,))
    os.close(ours)
    begun = time.monotonic()
    os.close(theirs)
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 3


def test_a_misspelt_failpoint_stops_it(workers: Workers):
    process = workers.start(wait=False, ASSENTRY_DEV="1", ASSENTRY_FAILPOINTS="nowhere:kill")
    assert process.wait(10) == 1
    assert "nowhere" in workers.said
