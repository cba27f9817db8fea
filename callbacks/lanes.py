"""Who is sent to, side by side: a lane for each endpoint, so that one that hangs slows nobody else.

A lane sends few callbacks at once, and one that hangs or fails sends one.  What finds no room in its
lane goes back to its row for a moment.  In memory is only what this process leased.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from callbacks.loading import Job

THREADS: Final = 64
#: At once to one endpoint; to one that failed last time, one.
AT_ONCE: Final = 4
#: Callbacks that may stand in one lane.
LONGEST: Final = 100
#: A lane whose oldest attempt takes longer takes no more.
STALLED_S: Final = 0.5
#: So many in a row before others get the thread.
IN_A_ROW: Final = 50
#: An attempt that would end after its lease is not begun.
FRESH_S: Final = 12.0
WAIT_FOR_ROOM_S: Final = 0.25


@dataclass(slots=True)
class Standing:
    """A job that stands in its lane, and since when it is ours."""

    job: Job
    since: float


@dataclass(slots=True)
class Lane:
    """What is to be sent to one endpoint."""

    waiting: deque[Standing] = field(default_factory=deque)
    workers: int = 0
    #: When each running attempt began.
    running: dict[int, float] = field(default_factory=dict)
    failing: bool = False

    @property
    def width(self) -> int:
        """How many attempts there may be at once."""
        return 1 if self.failing else AT_ONCE

    def is_stalled(self, now: float) -> bool:
        """Whether its receiver fails, or takes long."""
        return self.failing or any(now - began > STALLED_S for began in self.running.values())


class Lanes:
    """The lanes of one process and the threads that serve them.

    `attempt` sends one job and says whether it went well; `give_back` takes jobs that were not sent.
    """

    def __init__(
        self, attempt: Callable[[Job], bool], give_back: Callable[[list[Job]], None]
    ) -> None:
        self._attempt = attempt
        self._give_back = give_back
        self._lanes: dict[UUID, Lane] = {}
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="callback")
        self._closed = False

    def put(self, jobs: list[Job]) -> list[Job]:
        """Let jobs stand in their lanes; those that found no room.

        Waits a moment where a lane that moves is full.
        """
        since = time.monotonic()
        until = since + WAIT_FOR_ROOM_S
        left: list[Job] = []
        with self._changed:
            for job in jobs:
                lane = self._lanes.setdefault(job.endpoint, Lane())
                lane.failing = lane.failing or job.health.failures > 0
                while not self._has_room(lane) and not lane.is_stalled(time.monotonic()):
                    if self._closed or not self._changed.wait(until - time.monotonic()):
                        break
                # Its last worker may have left it meanwhile: an endpoint has one lane.
                lane = self._lanes.setdefault(job.endpoint, lane)
                if self._closed or not self._has_room(lane):
                    left.append(job)
                    continue
                lane.waiting.append(Standing(job, since))
                self._staff(job.endpoint, lane)
        return left

    def _has_room(self, lane: Lane) -> bool:
        return len(lane.waiting) < (1 if lane.failing else LONGEST)

    def _staff(self, endpoint: UUID, lane: Lane) -> None:
        if lane.workers < min(lane.width, len(lane.waiting) + len(lane.running)):
            lane.workers += 1
            self._threads.submit(self._serve, endpoint, lane)

    def _serve(self, endpoint: UUID, lane: Lane) -> None:
        """Send what stands in a lane, then leave it, or come back after others."""
        me = threading.get_ident()
        for _ in range(IN_A_ROW):
            with self._changed:
                if not lane.waiting or self._closed or lane.workers > lane.width:
                    break
                standing = lane.waiting.popleft()
                lane.running[me] = time.monotonic()
                self._changed.notify_all()
            ok: bool | None = None
            if time.monotonic() - standing.since > FRESH_S:
                self._give_back([standing.job])  # its lease could end before the attempt does
            else:
                ok = self._attempt(standing.job)
            self._after(lane, me, ok)
        with self._changed:
            lane.workers -= 1
            if lane.waiting and not self._closed:
                self._staff(endpoint, lane)
            elif not lane.workers and self._lanes.get(endpoint) is lane:
                del self._lanes[endpoint]

    def _after(self, lane: Lane, me: int, ok: bool | None) -> None:
        with self._changed:
            del lane.running[me]
            given_back: list[Job] = []
            if ok is not None:
                lane.failing = not ok
                if not ok:
                    given_back = [standing.job for standing in lane.waiting]
                    lane.waiting.clear()
            self._changed.notify_all()
        if given_back:
            self._give_back(given_back)

    def close(self, timeout: float) -> None:
        """Begin nothing more, and wait for what runs, at most `timeout` seconds: the rest is leased."""
        with self._changed:
            self._closed = True
            waiting = [one.job for lane in self._lanes.values() for one in lane.waiting]
            for lane in self._lanes.values():
                lane.waiting.clear()
            self._changed.notify_all()
        if waiting:
            self._give_back(waiting)
        until = time.monotonic() + timeout
        with self._changed:
            self._changed.wait_for(
                lambda: not any(lane.running for lane in self._lanes.values()),
                until - time.monotonic(),
            )
        self._threads.shutdown(wait=False, cancel_futures=True)
