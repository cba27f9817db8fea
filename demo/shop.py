"""The shop that the demo's agent works for: it does what it is told, once for each request, and remembers.

Its ledger is a file of its own, so that what ran can be held against what was approved.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Effect:
    """Something that the shop did."""

    request: str
    action: str
    payload_digest: str
    payload: dict[str, Any]
    at: str


class Shop:
    """Effects in a file, one JSON object a line, on the disk before anybody hears of them.

    Threads and processes may share the file: each looks at what the others did, under a lock on it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Effect] = {}
        self._read_to = 0

    def effects(self) -> list[Effect]:
        """Everything it did, in its order; half a line at the end is being written, and not done yet."""
        if not self._path.exists():
            return []
        return _effects(self._path.read_bytes())

    def do(self, *, request: str, action: str, payload: dict[str, Any], digest: str) -> Effect:
        """Do it; told the same request again, it does nothing and says what it did then."""
        with self._lock, self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed, or the process dies
            self._catch_up(file)
            if request in self._known:
                return self._known[request]
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            effect = Effect(request, action, digest, payload, at)
            line = json.dumps(asdict(effect)).encode() + b"\n"
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            self._known[request] = effect
            self._read_to += len(line)
            return effect

    def _catch_up(self, file: BufferedRandom) -> None:
        """Learn what others did since the last look."""
        file.seek(self._read_to)
        found = file.read()
        whole = found.rpartition(b"\n")[0]
        end = self._read_to + (len(whole) + 1 if b"\n" in found else 0)
        if end < self._read_to + len(found):
            # Nobody writes while we hold the lock: its process died, and nobody heard of it.
            file.truncate(end)
        for effect in _effects(found):
            self._known.setdefault(effect.request, effect)
        self._read_to = end


def _effects(content: bytes) -> list[Effect]:
    """The whole lines."""
    whole = content.rpartition(b"\n")[0].splitlines()
    return [Effect(**json.loads(line)) for line in whole if line]
