"""Tasks are doors: they name the work and call it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from django.db import OperationalError, close_old_connections

from audit.sequencer import sequence_all
from config.celery import ARRANGE, RUN_DUE, SEQUENCE, WATCH, app
from config.due import HANDLERS
from core import db, due
from oversight.anchors import rollback
from oversight.anchors.targets import arrange
from oversight.watching import look

logger = logging.getLogger(__name__)

#: So many runs of one kind side by side in a process; more would take the threads of other kinds,
#: and each run goes on until nothing is due.
MOST_OF_A_KIND: Final = 3

#: Set when the process ends: runs stop between two batches.
stopping: Final = threading.Event()


@app.task(name=RUN_DUE)
def run_due(kind: str, window_s: float = 0.0) -> None:
    """Handle what is due of `kind`, and what falls due within `window_s` seconds."""
    merged.begun(kind)
    handler = HANDLERS.get(kind)
    if handler is None:
        # The sender is of another version: whoever knows the kind sweeps it.
        logger.warning("no handler keeps due rows of kind %r", kind)
        return
    with _slot(kind) as free:
        if not free:
            return
        try:
            due.run(kind, handler, window_s=window_s, stop=stopping)
        except (db.Unavailable, psycopg.OperationalError) as error:
            outage.noticed(error)
        else:
            outage.over()
        finally:
            close_old_connections()


@app.task(name=SEQUENCE)
def sequence() -> None:
    """Give the events that were committed meanwhile their places in the log.

    Before the first one, and whenever the database was away, the logs are held against their anchors:
    what was restored from a backup meanwhile must not be continued unseen.
    """
    if not _sequencing.acquire(blocking=False):
        return  # the run before this one goes on until nothing waits
    try:
        if not outage.looked.is_set():
            outage.looked.set()  # before the look: an outage during it asks for another
            rollback.notice()
        sequence_all()
    except (db.Unavailable, psycopg.OperationalError) as error:
        outage.noticed(error)
    else:
        outage.over()
    finally:
        _sequencing.release()


@app.task(name=ARRANGE)
def arrange_anchors() -> None:
    """Give new workspaces their anchor in the operator's folder, where there is one."""
    try:
        arrange(actor=rollback.ACTOR)
    except (OperationalError, psycopg.OperationalError) as error:
        outage.noticed(error)
    finally:
        close_old_connections()


@app.task(name=WATCH)
def watch() -> None:
    """Look whether the clock does its work, and send the heartbeat where it does."""
    try:
        look.watch(HANDLERS)
    except (db.Unavailable, psycopg.OperationalError) as error:
        outage.noticed(error)
    else:
        outage.over()


class Merged:
    """Nudges that wait to be begun: a second one for the same kind adds nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[str] = set()

    def ask(self, kind: str) -> None:
        """Run `kind` in this process soon, unless that is already on its way."""
        with self._lock:
            if kind in self._waiting:
                return
            self._waiting.add(kind)
        run_due.apply_async((kind,))

    def begun(self, kind: str) -> None:
        """Called before the claim: what is asked from now on is not covered by this run."""
        with self._lock:
            self._waiting.discard(kind)


class Outage:
    """Says once that the database is away, and once that it is back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away = False
        #: Whether the logs were held against their anchors since the database was last away.
        self.looked = threading.Event()

    def noticed(self, error: Exception) -> None:
        self.looked.clear()
        with self._lock:
            first, self._away = not self._away, True
        if first:
            logger.warning("the database does not answer, what is due waits: %s", error)

    def over(self) -> None:
        with self._lock:
            ended, self._away = self._away, False
        if ended:
            logger.warning("the database answers again")


merged: Final = Merged()
outage: Final = Outage()
_sequencing: Final = threading.Lock()
_running: Counter[str] = Counter()
_running_lock: Final = threading.Lock()


@contextmanager
def _slot(kind: str) -> Iterator[bool]:
    with _running_lock:
        free = _running[kind] < MOST_OF_A_KIND
        _running[kind] += free
    try:
        yield free
    finally:
        with _running_lock:
            _running[kind] -= free
