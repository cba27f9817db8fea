"""Steps of the worker's start: the beat in a thread, and the ear for nudges from other processes."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

import psycopg
from celery.beat import Service
from celery.bootsteps import StartStopStep

from config.celery import app
from config.due import HANDLERS
from config.tasks import merged
from core import db
from core.nudge import NUDGE_CHANNEL

logger = logging.getLogger(__name__)

#: How often the threads look whether they shall end.
LOOK_S: Final = 0.5
#: Pauses between attempts to connect.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


class Listener(StartStopStep):
    """Turns PostgreSQL notifications into task calls in this process."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        self._stop = threading.Event()
        super().__init__(worker, **options)

    def start(self, worker: Any) -> None:
        """Begin to listen, in a thread of its own."""
        threading.Thread(target=self._run, name="listener", daemon=True).start()

    def stop(self, worker: Any) -> None:
        """Let the thread end; it holds nothing that must be put away."""
        self._stop.set()

    def terminate(self, worker: Any) -> None:
        """As `stop`."""
        self.stop(worker)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                with db.connect(application_name=f"{db.application_name()} listener") as conn:
                    conn.execute(f"LISTEN {NUDGE_CHANNEL}")
                    pause = FIRST_PAUSE_S
                    self._listen(conn)
            except psycopg.Error as error:
                logger.info("the listener lost the database: %s", error)
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _listen(self, conn: db.Connection) -> None:
        # What was said while nobody listened is lost, so everything is looked at once.
        for kind in HANDLERS:
            merged.ask(kind)
        while not self._stop.is_set():
            for notice in conn.notifies(timeout=LOOK_S):
                if notice.payload in HANDLERS:
                    merged.ask(notice.payload)


class Beat(StartStopStep):
    """Beat as a thread. (`worker -B` forks it, away from the queue in this process's memory.)"""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        self._service = Service(app, max_interval=1, scheduler_cls=app.conf.beat_scheduler)
        super().__init__(worker, **options)

    def start(self, worker: Any) -> None:
        """Begin to beat."""
        threading.Thread(target=self._service.start, name="beat", daemon=True).start()

    def stop(self, worker: Any) -> None:
        """End after the present beat; nobody waits for it."""
        self._service.stop()

    def terminate(self, worker: Any) -> None:
        """As `stop`."""
        self.stop(worker)
