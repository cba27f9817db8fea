"""Advisory file locks: they end with the process that holds them, even by kill -9."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.02


class FileLock:
    """An exclusive `flock` on one file; the file itself stays behind and means nothing.

    Child processes that are handed `fd` share the lock: it is free only when the last of them
    has gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd: int | None = None

    def take(self, wait: float = 0.0) -> bool:
        """Take the lock within `wait` seconds; False when somebody else keeps it."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    os.close(fd)
                    return False
                time.sleep(POLL_SECONDS)
            except BaseException:
                os.close(fd)
                raise
            else:
                self.fd = fd
                return True

    def note(self, text: str) -> None:
        """Leave a word for whoever finds the lock taken (see `read_note`)."""
        if self.fd is not None:
            os.ftruncate(self.fd, 0)
            os.pwrite(self.fd, text.encode(), 0)

    def read_note(self) -> str:
        """What the holder noted, or an empty string."""
        try:
            return self.path.read_text().strip()
        except OSError:
            return ""

    def release(self) -> None:
        """Let go of it here; children that were handed `fd` keep theirs."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
