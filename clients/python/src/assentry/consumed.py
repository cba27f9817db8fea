"""The permits that a tool is using, in the file of its journal: what survives the tool's death.

A permit stands here from before it is consumed until the server knows what came of it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from assentry.alive import Alive
from assentry.errors import SettingsError
from assentry.idempotency import fresh
from assentry.journal import Journal
from assentry.permits import Permit

State: TypeAlias = Literal["consuming", "begun", "succeeded", "failed", "unknown", "dropped"]
#: After its end, a permit is consumed by nobody any more, whatever the clocks say.
GRACE_S: Final = 60

_TABLE = """
CREATE TABLE IF NOT EXISTS permits (
    id TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    payload_sha256 TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    consume_key TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'consuming'
        CHECK (state IN ('consuming', 'begun', 'succeeded', 'failed', 'unknown', 'dropped')),
    slot INTEGER NOT NULL DEFAULT -1,
    detail TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID
"""
_COLUMNS = "id, payload_sha256, consume_key, state, slot, detail"


@dataclass(frozen=True)
class Use:
    """One use of a permit.

    Attributes:
        consume_key: the idempotency key of its consuming: the server answers it alike again.
        state: ``consuming`` until the function is called, ``begun`` until it ended; ``unknown`` where
            nobody will know; ``dropped`` where it was given up before the function was called.
        slot: of the process that began it.
        detail: for the server.
    """

    id: str
    payload_sha256: str
    consume_key: str
    state: State
    slot: int
    detail: str


class Uses:
    """The uses that a journal knows.

    Raises:
        SettingsError: the file cannot be used.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        try:
            _ = self._alive
            with journal.using() as db:
                db.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"The journal {journal.path} cannot be used: {error}") from error

    @property
    def _alive(self) -> Alive:
        return Alive.at(self._journal.path.with_name(self._journal.path.name + "-alive"))

    def prepare(self, permit: Permit) -> Use:
        """Write that it is going to be consumed; or the use that was written before."""
        row = [permit.jti, permit.req, permit.payload_sha256, permit.exp, fresh()]
        with self._journal.using() as db:
            db.execute(
                "INSERT OR IGNORE INTO permits (id, request_id, payload_sha256, expires_at, consume_key)"
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )
            found = db.execute(f"SELECT {_COLUMNS} FROM permits WHERE id = ?", [permit.jti])
            return Use(*found.fetchone())

    def begin(self, id: str) -> bool:
        """Write that the function is called now; False where somebody wrote that, or gave it up."""
        return self._move(id, "consuming", "begun", slot=self._alive.slot)

    def end(self, id: str, state: Literal["succeeded", "failed", "unknown"], detail: str) -> None:
        """Write how it ended."""
        self._move(id, "begun", state, detail)

    def withdraw(self, id: str) -> None:
        """It was not consumed, and nothing was run: as if it had never been prepared."""
        self._delete(id, "consuming")

    def told(self, id: str, state: State) -> None:
        """The server knows what came of it."""
        self._delete(id, state)

    def left(self, now: float) -> list[Use]:
        """What nobody works on any more and the server does not know; their states say it as it is.

        What was begun by a process that died becomes ``unknown``; what was prepared and never begun
        becomes ``dropped``, once its permit is over.
        """
        with self._journal.using() as db:
            db.execute(
                "UPDATE permits SET state = 'dropped' WHERE state = 'consuming' AND expires_at < ?",
                [now - GRACE_S],
            )
            begun = db.execute("SELECT id, slot FROM permits WHERE state = 'begun'").fetchall()
        alive = self._alive
        for id, slot in begun:
            if not alive.lives(slot):
                self._move(id, "begun", "unknown", "it began, and the tool's process died")
        with self._journal.using() as db:
            over = db.execute(
                f"SELECT {_COLUMNS} FROM permits WHERE state NOT IN ('consuming', 'begun') ORDER BY at, id"
            )
            return [Use(*row) for row in over.fetchall()]

    def _move(self, id: str, before: State, after: State, detail: str = "", slot: int = -1) -> bool:
        with self._journal.using() as db:
            done = db.execute(
                "UPDATE permits SET state = ?, detail = ?, slot = ? WHERE id = ? AND state = ?",
                [after, detail, slot, id, before],
            )
            return done.rowcount == 1

    def _delete(self, id: str, state: State) -> None:
        with self._journal.using() as db:
            db.execute("DELETE FROM permits WHERE id = ? AND state = ?", [id, state])
