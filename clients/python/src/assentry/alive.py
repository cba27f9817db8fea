"""Which processes of this machine still live: each holds a lock that ends when it does.

One byte of a file for each, locked as POSIX has it (Linux and macOS).  A process id would not do: the
system gives it to another one, and a started-again container to the same one.
"""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    _WITH_LOCKS = False
else:
    _WITH_LOCKS = True

_lock = threading.Lock()
_known: dict[Path, Alive] = {}


class Alive:
    """The processes that use one file.  Get it with `Alive.at`: one for each file and process.

    Attributes:
        slot: the byte that this process holds.

    Raises:
        OSError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        if not _WITH_LOCKS:
            raise OSError("this system has no POSIX locks")
        # Never closed: closing any descriptor of the file would let go of this process's locks.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pid = os.getpid()
        while True:
            self.slot = secrets.randbits(62)
            if self._try(self.slot):
                return

    @classmethod
    def at(cls, path: Path) -> Alive:
        """That of a file; a forked child gets one of its own, since locks are not inherited."""
        whole = path.absolute()
        with _lock:
            found = _known.get(whole)
            if found is None or found._pid != os.getpid():
                found = _known[whole] = cls(whole)
            return found

    def lives(self, slot: int) -> bool:
        """Whether the process that held this byte lives."""
        if slot == self.slot:
            return True
        with _lock:
            if not self._try(slot):
                return True
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
            return False

    def _try(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):
            return False
        return True
