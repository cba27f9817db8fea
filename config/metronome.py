"""Beat without a calendar: every entry at its interval, by the monotonic clock.

Celery's own scheduler compares wall-clock times and would fall silent for as long as the host's
clock is set back.  And where the broker is away, the beat does itself what it could not send: a dead
Redis makes things later, it never stops the clock.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import schedule

logger = logging.getLogger(__name__)

#: How often the service looks whether it shall end.
LOOK_S = 1.0


class Metronome(Scheduler):
    """Sends each entry of the schedule every so many seconds; keeps no file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._next: dict[str, float] = {}
        self._silent = False
        super().__init__(*args, **kwargs)

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due; return in how many seconds to call again."""
        for name, entry in self.schedule.items():
            now = time.monotonic()
            if now >= self._next.get(name, now):
                # In step with the first beat, but never catching up on missed ones.
                self._next[name] = max(self._next.get(name, now) + _interval_s(entry), now)
                self._send(entry)
        soonest = min(self._next.values(), default=time.monotonic() + LOOK_S)
        return min(max(soonest - time.monotonic(), 0.0), LOOK_S)

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        """Send one entry's message, or raise within two seconds.

        Celery's own goes through a connection that it waits for as long as the broker is away.
        """
        return self.app.send_task(
            entry.task or "", entry.args, retry=False, **(entry.options or {})
        )

    def _send(self, entry: ScheduleEntry) -> None:
        try:
            self.apply_async(entry)
        except Exception as error:  # noqa: BLE001 - a beat that cannot be sent is no reason to stop
            if not self._silent:
                logger.warning(
                    "beat cannot reach the broker and does what is due itself: %s", error
                )
            self._silent = True
            self._do(entry)
        else:
            if self._silent:
                logger.warning("beat reaches the broker again")
            self._silent = False

    def _do(self, entry: ScheduleEntry) -> None:
        """Run the entry's task in this thread; the rows are the truth, the message was only a hint."""
        task = self.app.tasks.get(entry.task or "")
        if task is None:
            return
        try:
            task(*(entry.args or ()))
        except Exception:
            logger.exception("%s failed", entry.name)


def _interval_s(entry: ScheduleEntry) -> float:
    if not isinstance(entry.schedule, schedule):
        raise TypeError(f"{entry.name}: the metronome knows intervals only")
    every = entry.schedule.run_every  # type: ignore[attr-defined] # celery-types leave it out
    return float(every.total_seconds())
