"""Hints after commit: workers hear that something is due, waiting calls that something changed.

A hint may be lost: the sweep finds the row, the waiter reads again. So nobody waits for one to be
sent, they are merged (every 10 ms at most), and what cannot be sent is dropped. One daemon thread
sends PostgreSQL notifications; with a broker, a second one feeds it, so that a broker that is down
delays no wake-up.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

import psycopg

from core import db

logger = logging.getLogger(__name__)

#: Payload: one kind of due rows.
NUDGE_CHANNEL: Final = "assentry_nudge"
#: Payload: topics, joined by commas (`r:<request>`, `w:<workspace>`, `k:<key>`, `s:<session>`).
WAKE_CHANNEL: Final = "assentry_wake"

MERGE_S: Final = 0.010
#: PostgreSQL refuses payloads of 8,000 bytes and more.
MAX_PAYLOAD: Final = 7_900
#: How long nothing is tried after a failure; what is asked meanwhile is dropped.
REST_S: Final = 1.0
FLUSH_S: Final = 2.0

_NOTIFY: Final = "SELECT pg_notify(n.channel, n.payload) FROM unnest(%s::text[], %s::text[]) AS n (channel, payload)"

Hint: TypeAlias = tuple[str, str]
Send: TypeAlias = Callable[[set[Hint]], None]


class Nudger:
    """What one process tells the others; starts its threads on first use."""

    def __init__(self) -> None:
        self._send_to_broker: Callable[[str], None] | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget threads and connection: a forked child has the object, but they are the parent's."""
        self._notifier = _Notifier()
        self._hints = _Lane("hints", self._notifier.send)
        self._broker = _Lane("broker nudges", self._feed) if self._send_to_broker else None

    def through_broker(self, send: Callable[[str], None]) -> None:
        """Send nudges by `send(kind)` (a task call) instead of NOTIFY; it may block and raise."""
        self._send_to_broker = send
        self._broker = _Lane("broker nudges", self._feed)

    def _feed(self, hints: set[Hint]) -> None:
        if self._send_to_broker is not None:
            for _, kind in sorted(hints):
                self._send_to_broker(kind)

    def nudge(self, kind: str) -> None:
        """Say that rows of `kind` are due now. Call it after the commit; never blocks or raises."""
        (self._broker or self._hints).ask({(NUDGE_CHANNEL, kind)})

    def wake(self, *topics: str) -> None:
        """Say that these topics changed. Call it after the commit; never blocks or raises."""
        self._hints.ask({(WAKE_CHANNEL, topic) for topic in topics})

    def flush(self, timeout: float = FLUSH_S) -> bool:
        """Wait until everything asked so far was sent or dropped; False when that takes too long."""
        until = time.monotonic() + timeout
        lanes = [lane for lane in (self._hints, self._broker) if lane is not None]
        return all(lane.flush(until - time.monotonic()) for lane in lanes)

    def close(self, timeout: float = FLUSH_S) -> None:
        """Flush and end the threads; a later call starts them again."""
        self.flush(timeout)
        for lane in (self._hints, self._broker):
            if lane is not None:
                lane.close()
        self._notifier.close()


class _Lane:
    """A set of hints and the thread that sends them, merged."""

    def __init__(self, name: str, send: Send) -> None:
        self._name = name
        self._send = send
        self._changed = threading.Condition()
        self._asked: set[Hint] = set()
        self._batch = 0  # number of the batch being gathered
        self._sent = 0  # number of batches done
        self._thread: threading.Thread | None = None

    def ask(self, hints: set[Hint]) -> None:
        with self._changed:
            self._asked |= hints
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"nudger-{self._name}", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        with self._changed:
            if self._thread is None:
                return True
            wanted = self._batch + 1 if self._asked else self._batch
            return self._changed.wait_for(lambda: self._sent >= wanted, max(0.0, timeout))

    def close(self) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join(MERGE_S * 10)

    def _run(self) -> None:
        me = threading.current_thread()
        rest_until = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._thread is not me)
                if self._thread is not me:
                    return
                hints, self._asked = self._asked, set()
                self._batch += 1
            if time.monotonic() >= rest_until:
                rest_until = self._try(hints)
            with self._changed:
                self._sent += 1
                self._changed.notify_all()
            time.sleep(MERGE_S)

    def _try(self, hints: set[Hint]) -> float:
        """Send; return until when to rest."""
        try:
            self._send(hints)
        except Exception as error:  # noqa: BLE001 - hints may be lost, their thread may not
            logger.warning("%s were dropped, the sweep finds the rows: %s", self._name, error)
            return time.monotonic() + REST_S
        return 0.0


class _Notifier:
    """Sends notifications over a connection of its own."""

    def __init__(self) -> None:
        self._conn: db.Connection | None = None

    def send(self, hints: set[Hint]) -> None:
        pairs = list(payloads(hints))
        values = [channel for channel, _ in pairs], [payload for _, payload in pairs]
        kept = self._conn is not None
        try:
            self._connection().execute(_NOTIFY, values)
        except psycopg.OperationalError:
            self.close()
            if not kept:
                raise
            # The kept connection was dead: that says nothing of the database. Once more.
            self._connection().execute(_NOTIFY, values)

    def _connection(self) -> db.Connection:
        if self._conn is None:
            self._conn = db.connect(connect_timeout=2)
        return self._conn

    def close(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()


def payloads(hints: Iterable[Hint]) -> Iterator[Hint]:
    """Return (channel, payload) to notify: one for each kind, topics joined up to the limit."""
    joined = ""
    for channel, text in sorted(hints):
        if channel != WAKE_CHANNEL:
            yield channel, text
        elif not joined:
            joined = text
        elif len(joined) + 1 + len(text) > MAX_PAYLOAD:
            yield WAKE_CHANNEL, joined
            joined = text
        else:
            joined += f",{text}"
    if joined:
        yield WAKE_CHANNEL, joined


nudger: Final = Nudger()
db.nudge_with(nudger.nudge)
# A command that ends right after its commit still says so.
atexit.register(nudger.close)

os.register_at_fork(after_in_child=nudger.begin_anew)
