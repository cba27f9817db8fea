"""The shop that the demo's agent works for: it does what it is told, once for each request, and remembers.

Its ledger is a file of its own, so that what ran can be held against what was approved.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
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
    """Effects in a file, one JSON object a line, on the disk before anybody hears of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        _end_whole(path)
        self._known = {effect.request: effect for effect in self.effects()}

    def effects(self) -> list[Effect]:
        """Everything it did, in its order; half a line at the end is being written, and not done yet."""
        if not self._path.exists():
            return []
        whole = self._path.read_bytes().rpartition(b"\n")[0].splitlines()
        return [Effect(**json.loads(line)) for line in whole if line]

    def do(self, *, request: str, action: str, payload: dict[str, Any], digest: str) -> Effect:
        """Do it; told the same request again, it does nothing and says what it did then."""
        with self._lock:
            if request in self._known:
                return self._known[request]
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            effect = Effect(request, action, digest, payload, at)
            self._append(json.dumps(asdict(effect)).encode() + b"\n")
            self._known[request] = effect
            return effect

    def _append(self, line: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def _end_whole(path: Path) -> None:
    """Cut off half a line, of a process that died while it wrote: nobody heard of it."""
    if not path.exists():
        return
    whole, newline, _ = path.read_bytes().rpartition(b"\n")
    os.truncate(path, len(whole) + len(newline))
