"""Keeps the due kind ``callback.deliver``: claimed rows become attempts, attempts become rows.

Claim and commit, call out, record and commit: nothing is held while a receiver takes its time.  The
handler returns as soon as its rows stand in their lanes; each is settled under its own fence when its
attempt has ended, in batches.  A process may die anywhere: the lease ends, and the same callback goes
out again under the same id.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from callbacks import loading, recording
from callbacks.attempt import Sender, attempt
from callbacks.lanes import Lanes
from callbacks.loading import Compose, Job, Opened
from callbacks.recording import Outcome
from core import db
from core.db import pool
from core.due import SETTLE_DUE, Claimed, LostLease
from core.http import Client

logger = logging.getLogger(__name__)

#: Attempts written at once.
MOST_WRITTEN: Final = 200
#: Bytes made at once: while they are, others wait for the interpreter.
MADE_TOGETHER: Final = 50
#: How often writing is tried again while the database is away; then the leases are over anyway.
WRITE_TRIES: Final = 20
WRITE_PAUSE_S: Final = 1.0

# That it is pending is asked by next_at: by state, the index of what stands in line would be read whole
# and compared with every row, and with a dead receiver's long line that cost everybody.
_SETTLE: Final = f"""
WITH {SETTLE_DUE},
line AS (
    UPDATE callbacks_callback c SET next_at = again.due_at
      FROM again WHERE c.id = again.subject AND c.next_at IS NOT NULL
)
SELECT count(*) FROM kept
"""


class Deliverer:
    """What sends the callbacks of one process.  Threads begin with the first batch."""

    def __init__(self, compose: Compose, sender: Sender | None = None) -> None:
        """`compose` makes what is told of requests; `sender` is a guarded client."""
        self._compose = compose
        self._sender: Sender = sender if sender is not None else Client(user_agent="Assentry")
        self._opened = Opened()
        self._begin = threading.Lock()
        self._lanes: Lanes | None = None
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._recorder: threading.Thread | None = None

    def take(self, claimed: Sequence[Claimed]) -> None:
        """Put claimed callbacks into their lanes; settle those that are not to be sent now."""
        lanes = self._started()
        with pool().connection() as conn:
            jobs = loading.load(conn, claimed, self._opened)
            sent = [job for job in jobs if _is_to_be_sent(job)]
            ready = [job for job in sent if _open_until(job) is None]
            placed: set[UUID] = set()
            left: list[Job] = []
            for begin in range(0, len(ready), MADE_TOGETHER):
                try:
                    left += self._place(conn, lanes, ready[begin : begin + MADE_TOGETHER], placed)
                except Exception as error:
                    if not placed:
                        raise
                    # What stands in a lane is being sent: only the rest may be tried again.
                    raise LostLease(placed) from error
        left += [job for job in sent if _open_until(job) is not None]
        self._settle([row for row in claimed if row.id not in placed], _in_turn(lanes, left))

    def _place(
        self, conn: Connection[Any], lanes: Lanes, jobs: Sequence[Job], placed: set[UUID]
    ) -> list[Job]:
        """Make bytes for those that find room, and add what then stands in a lane; the others wait."""
        fitting = lanes.fitting(jobs)
        with conn.transaction():
            loading.make_bodies(conn, fitting, self._compose)
        made = [job for job in fitting if job.body is not None]
        left = lanes.put(made)
        chosen, waits = {job.due.id for job in fitting}, {job.due.id for job in left}
        placed |= {job.due.id for job in made} - waits
        return left + [job for job in jobs if job.due.id not in chosen]

    def _started(self) -> Lanes:
        with self._begin:
            if self._lanes is None:
                self._lanes = Lanes(self._send, self._give_back)
                self._recorder = threading.Thread(
                    target=self._record, name="callback-recorder", daemon=True
                )
                self._recorder.start()
            return self._lanes

    def close(self, timeout: float = 1.5) -> None:
        """End what runs, and write what came of it; what takes longer is left to its lease."""
        with self._begin:
            lanes, self._lanes = self._lanes, None
            recorder, self._recorder = self._recorder, None
        if lanes is not None:
            lanes.close(timeout)
        if recorder is not None:
            self._outcomes.put(None)
            recorder.join(timeout=1.0)

    # -- in the lanes' threads -----------------------------------------------------------------------
    def _send(self, job: Job) -> bool:
        try:
            outcome = attempt(self._sender, job, _now(job))
        except Exception:
            logger.exception(
                "callback %s could not be sent; it returns when its lease ends", job.id
            )
            return False
        self._outcomes.put(outcome)
        return outcome.succeeded

    def _give_back(self, jobs: list[Job]) -> None:
        """What stood behind an attempt that failed comes again a little later."""
        lanes = self._lanes
        try:
            # Where this process ends, others take them at once.
            again = (
                {job.due.id: _now(job) for job in jobs} if lanes is None else _in_turn(lanes, jobs)
            )
            self._settle([job.due for job in jobs], again)
        except db.Unavailable:
            logger.warning("%d callbacks wait for their leases to end", len(jobs))

    def _settle(self, rows: Sequence[Claimed], again: Mapping[UUID, datetime]) -> None:
        if not rows:
            return
        values = {
            "due_id": [row.id for row in rows],
            "due_fence": [row.fence for row in rows],
            "due_again": [again.get(row.id) for row in rows],
        }
        with pool().connection() as conn:
            conn.execute(_SETTLE, values)

    # -- in the recorder's thread --------------------------------------------------------------------
    def _record(self) -> None:
        while (first := self._outcomes.get()) is not None:
            outcomes, ended = [first], False
            while len(outcomes) < MOST_WRITTEN:
                try:
                    more = self._outcomes.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ended = True
                    break
                outcomes.append(more)
            self._write(outcomes)
            if ended:
                return

    def _write(self, outcomes: list[Outcome]) -> None:
        for tried in range(WRITE_TRIES):
            try:
                with pool().connection() as conn:
                    recording.write(conn, outcomes)
            except db.Unavailable:
                if tried == 0:
                    logger.warning("the database is away: %d attempts wait", len(outcomes))
                time.sleep(WRITE_PAUSE_S)
            except Exception as error:
                if len(outcomes) == 1:
                    logger.exception("attempt at callback %s not written", outcomes[0].job.id)
                    return
                logger.warning("attempts are written one by one: %s", error)
                for outcome in outcomes:
                    self._write([outcome])
                return
            else:
                return


def _is_to_be_sent(job: Job) -> bool:
    return job.state == "pending" and job.endpoint_state == "active"


def _open_until(job: Job) -> datetime | None:
    """When its endpoint may be tried again; None: now."""
    until = job.health.open_until
    return until if until is not None and until > job.now else None


def _now(job: Job) -> datetime:
    """The database's clock, as far as this process knows it."""
    return job.now + timedelta(seconds=time.monotonic() - job.loaded)


def _in_turn(lanes: Lanes, jobs: Sequence[Job]) -> dict[UUID, datetime]:
    """When each of these jobs comes again: not before its endpoint may be tried, and not all at once."""
    return {
        job.due.id: max(_now(job), job.health.open_until or job.now) + timedelta(seconds=pause)
        for job, pause in zip(jobs, lanes.turns(jobs), strict=True)
    }
