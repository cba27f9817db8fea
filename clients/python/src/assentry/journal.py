"""A local journal of gated calls, so that a crash between beginning and end is noticed.

SQLite with full synchronisation: what was written is on the disk before the function is called.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assentry.errors import SettingsError

_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'succeeded', 'failed')),
    result TEXT,
    error TEXT NOT NULL DEFAULT '',
    reported INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Entry:
    """One gated call.

    Attributes:
        state: ``started``, ``succeeded`` or ``failed``.
        result: JSON of what it returned; None where that is no JSON.
        error: the name of the exception that it raised.
        reported: whether the server was told.
    """

    key: str
    request_id: str
    state: str
    result: str | None
    error: str
    reported: bool


class Journal:
    """A journal in one file, which several processes of a machine may share."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA synchronous = EXTRA")
            self._db.execute(_TABLE)
        except sqlite3.Error as error:
            raise SettingsError(f"The journal {self.path} cannot be used: {error}") from error

    @classmethod
    def of(cls, given: Journal | str | os.PathLike[str] | None) -> Journal | None:
        """The journal that was given, else that of ``ASSENTRY_JOURNAL``, else none."""
        if isinstance(given, Journal):
            return given
        path = given or os.environ.get("ASSENTRY_JOURNAL")
        return cls(path) if path else None

    def look(self, key: str) -> Entry | None:
        """What is known of a call."""
        with self.using() as db:
            row = db.execute(
                "SELECT key, request_id, state, result, error, reported FROM calls WHERE key = ?",
                [key],
            ).fetchone()
        if row is None:
            return None
        known, request_id, state, result, error, reported = row
        return Entry(known, request_id, state, result, error, reported=bool(reported))

    def start(self, key: str, request_id: str) -> bool:
        """Write that it begins; False where somebody wrote that before."""
        with self.using() as db:
            done = db.execute(
                "INSERT OR IGNORE INTO calls (key, request_id, state) VALUES (?, ?, 'started')",
                [key, request_id],
            )
            return done.rowcount == 1

    def finish(self, key: str, state: str, *, result: str | None = None, error: str = "") -> None:
        """Write how it ended."""
        with self.using() as db:
            db.execute(
                "UPDATE calls SET state = ?, result = ?, error = ? WHERE key = ?",
                [state, result, error, key],
            )

    def reported(self, key: str) -> None:
        """Write that the server was told."""
        with self.using() as db:
            db.execute("UPDATE calls SET reported = 1 WHERE key = ?", [key])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Its database, for one thread at a time; each statement commits by itself."""
        with self._lock:
            yield self._db


def as_json(value: Any) -> str | None:
    """A value as JSON that gives the same value back; None where there is none."""
    try:
        text = json.dumps(value, allow_nan=False)
        return text if json.loads(text) == value else None
    except (TypeError, ValueError, RecursionError):
        return None
