"""Who is sent to, side by side: a lane for each endpoint, so that one that hangs slows nobody else.

A lane sends few callbacks at once, and one that hangs or fails sends one.  What finds no room in its
lane goes back to its row and comes again in turn: at the pace of a lane that moves, slowly behind one
that does not, so that a long line costs others next to nothing.  In memory is only what this process
leased.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from callbacks.loading import Job

THREADS: Final = 64
#: At once to one endpoint; to one that failed last time, one.
AT_ONCE: Final = 4
#: Callbacks that may stand in one lane: what it sends in so many seconds, within these bounds.
AHEAD_S: Final = 0.5
SHORTEST: Final = 32
LONGEST: Final = 500
#: A lane whose oldest attempt takes longer is taken to hang.
STALLED_S: Final = 0.5
#: So many in a row before others get the thread.
IN_A_ROW: Final = 50
#: An attempt that would end after its lease is not begun.
FRESH_S: Final = 12.0
#: How many come again a second: to a lane whose pace is not known yet, at least, and to one that stalls.
SUPPOSED_PER_S: Final = 500.0
LEAST_PER_S: Final = 50.0
STALLED_PER_S: Final = 20.0
#: How soon the first of them does, how many seconds' worth come together, and how late the last may.
SOON_S: Final = 0.2
STALLED_SOON_S: Final = 1.0
TOGETHER_S: Final = 0.2
LATEST_S: Final = 60.0
#: A lane that nobody used for so long is forgotten, with its pace.
FORGOTTEN_S: Final = 60.0


@dataclass(slots=True)
class Standing:
    """A job that stands in its lane, and since when it is ours."""

    job: Job
    since: float


@dataclass(slots=True)
class Lane:
    """What is to be sent to one endpoint.  Moments are of this process's own clock."""

    waiting: deque[Standing] = field(default_factory=deque)
    workers: int = 0
    #: When each running attempt began.
    running: dict[int, float] = field(default_factory=dict)
    failing: bool = False
    #: Attempts that end in a second, as of late; None before the first.
    per_s: float | None = None
    #: When its last attempt ended, or work came to it while it had none.
    moved_at: float = 0.0
    #: When the next that comes again may.
    turn: float = 0.0

    @property
    def width(self) -> int:
        """How many attempts there may be at once."""
        return 1 if self.failing else AT_ONCE

    def is_stalled(self, now: float) -> bool:
        """Whether its receiver fails, or takes long."""
        return self.failing or any(now - began > STALLED_S for began in self.running.values())

    def room(self, now: float) -> int:
        """How many more may stand in it."""
        if self.is_stalled(now):
            return self.width - len(self.waiting)
        length = SHORTEST if self.per_s is None else int(self.per_s * AHEAD_S)
        return min(max(length, SHORTEST), LONGEST) - len(self.waiting)

    def ended(self, now: float) -> None:
        """Note that an attempt ended: its pace follows the last few dozen."""
        interval = max(now - self.moved_at, 1e-6)
        known = interval if self.per_s is None else 1 / self.per_s
        self.per_s = 1 / (known + (interval - known) / 16)
        self.moved_at = now

    def next_turn(self, now: float) -> float:
        """In how many seconds the next that found no room comes again."""
        if self.is_stalled(now):
            soon, pace = STALLED_SOON_S, STALLED_PER_S
        else:
            soon, pace = SOON_S, max(self.per_s or SUPPOSED_PER_S, LEAST_PER_S)
        turn = max(self.turn, now + soon) + 1 / pace
        self.turn = min(turn, now + LATEST_S)
        if turn > self.turn:
            return LATEST_S * random.uniform(0.5, 1)  # noqa: S311 - no secret
        return math.ceil((turn - now) / TOGETHER_S) * TOGETHER_S

    def is_idle(self, now: float) -> bool:
        """Whether nothing is left of it but its pace, and that is old."""
        used = max(self.moved_at, self.turn) + FORGOTTEN_S
        return not (self.workers or self.waiting or self.running) and now > used


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
        self._swept = time.monotonic()
        self._closed = False

    def fitting(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of these jobs for which there is room now: only they are worth their bytes."""
        now = time.monotonic()
        found: list[Job] = []
        taken: Counter[UUID] = Counter()
        with self._changed:
            for job in jobs:
                lane = self._lane(job)
                if not self._closed and lane.room(now) > taken[job.endpoint]:
                    taken[job.endpoint] += 1
                    found.append(job)
        return found

    def put(self, jobs: Sequence[Job]) -> list[Job]:
        """Let jobs stand in their lanes; those that found no room.  Never waits for any."""
        now = time.monotonic()
        left: list[Job] = []
        with self._changed:
            self._sweep(now)
            for job in jobs:
                lane = self._lane(job)
                if self._closed or lane.room(now) < 1:
                    left.append(job)
                    continue
                if not lane.waiting and not lane.running:
                    lane.moved_at = now
                lane.waiting.append(Standing(job, now))
                self._staff(lane)
        return left

    def turns(self, jobs: Sequence[Job]) -> list[float]:
        """In how many seconds each of these jobs, which were not sent, comes again."""
        now = time.monotonic()
        with self._changed:
            return [self._lane(job).next_turn(now) for job in jobs]

    def _lane(self, job: Job) -> Lane:
        lane = self._lanes.setdefault(job.endpoint, Lane())
        lane.failing = lane.failing or job.health.failures > 0
        return lane

    def _sweep(self, now: float) -> None:
        if now - self._swept > FORGOTTEN_S:
            self._swept = now
            for endpoint in [one for one, lane in self._lanes.items() if lane.is_idle(now)]:
                del self._lanes[endpoint]

    def _staff(self, lane: Lane) -> None:
        if lane.workers < min(lane.width, len(lane.waiting) + len(lane.running)):
            lane.workers += 1
            self._threads.submit(self._serve, lane)

    def _serve(self, lane: Lane) -> None:
        """Send what stands in a lane, then leave it, or come back after others."""
        me = threading.get_ident()
        for _ in range(IN_A_ROW):
            with self._changed:
                if not lane.waiting or self._closed or lane.workers > lane.width:
                    break
                standing = lane.waiting.popleft()
                lane.running[me] = time.monotonic()
            ok: bool | None = None
            if time.monotonic() - standing.since > FRESH_S:
                self._give_back([standing.job])  # its lease could end before the attempt does
            else:
                ok = self._attempt(standing.job)
            self._after(lane, me, ok)
        with self._changed:
            lane.workers -= 1
            if lane.waiting and not self._closed:
                self._staff(lane)

    def _after(self, lane: Lane, me: int, ok: bool | None) -> None:
        with self._changed:
            if ok is not None:
                lane.ended(time.monotonic())
            del lane.running[me]
            given_back: list[Job] = []
            if ok is not None:
                if ok and lane.failing:
                    lane.turn = 0.0  # the line behind it need not go on at the pace of a dead one
                lane.failing = not ok
                if not ok:
                    given_back = [standing.job for standing in lane.waiting]
                    lane.waiting.clear()
            if self._closed:
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
