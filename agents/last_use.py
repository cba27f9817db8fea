"""When a key was last used, to the minute: noted in memory, written merged, off the path of calls.

What is lost with a process is at most the last seconds of a date that is only for people to read.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Final
from uuid import UUID

from core import db

logger = logging.getLogger(__name__)

MERGE_S: Final = 5.0

# The condition keeps several processes from writing the same minute.
_WRITE: Final = """
UPDATE agents_key SET last_used_at = clock_timestamp()
 WHERE id = ANY(%s)
   AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
"""


class Notes:
    """The keys used since the last write, and the daemon thread that writes them."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything: a forked child has the object, but the thread is its parent's."""
        self._lock = threading.Lock()
        self._used: set[UUID] = set()
        self._writer: threading.Timer | None = None

    def note(self, key_id: UUID) -> None:
        """Remember that the key was used now; returns at once."""
        with self._lock:
            self._used.add(key_id)
            if self._writer is None:
                self._writer = threading.Timer(MERGE_S, self.write)
                self._writer.name, self._writer.daemon = "last-use", True
                self._writer.start()

    def write(self) -> None:
        """Write what was noted; a failure is logged and forgotten, the next use notes it again."""
        with self._lock:
            used, self._used, writer, self._writer = self._used, set(), self._writer, None
        if writer is not None:
            writer.cancel()
        if not used:
            return
        try:
            with db.pool().connection() as conn:
                conn.execute(_WRITE, [sorted(used)])
        except Exception as error:  # noqa: BLE001 - the end of a thread nobody waits for
            logger.warning("the last use of %d keys was not written: %s", len(used), error)


notes: Final = Notes()

os.register_at_fork(after_in_child=notes.begin_anew)
