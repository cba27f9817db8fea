"""Worker processes for tests, and the notes they write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from approvals import clock_rows
from audit.actor import Actor
from core.db import pool
from tests.promises import ask


class Note(NamedTuple):
    """One promise that a worker kept."""

    subject: str
    late_s: float
    fence: int


class Workers:
    """Starts workers that share one kind and one file of notes, and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.kind = f"test.{uuid4()}"
        self._folder = folder
        self._notes = folder / "notes"
        self._notes.touch()
        self._processes: list[subprocess.Popen[bytes]] = []
        # What other tests left waiting is theirs: some of them break their logs on purpose.
        ask("DELETE FROM audit_pending RETURNING 1")
        # Some took the promises of their requests away: the watch of these workers would speak of it.
        with pool().connection() as conn:
            while left := clock_rows.without_clock(conn, 500):
                with conn.transaction():
                    clock_rows.wind_up(conn, left, actor=Actor.system("test"))

    def start(
        self, *options: str, wait: bool = True, pass_fds: tuple[int, ...] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker; return when it says that it is ready."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.config.worker_program", *options],
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "config.test_settings",
                    "TEST_KIND": self.kind,
                    "TEST_NOTES": str(self._notes),
                    **environment,
                },
                stderr=log,
                stdout=log,
                pass_fds=pass_fds,
            )
        self._processes.append(process)
        said = self.said.count("is ready")
        if wait:
            eventually(lambda: self.said.count("is ready") > said or process.poll() is not None)
            assert process.poll() is None, self.said
        return process

    @property
    def log(self) -> Path:
        return self._folder / "log"

    @property
    def said(self) -> str:
        """What the workers printed."""
        return self.log.read_text()

    @property
    def notes(self) -> list[Note]:
        """What the workers kept, so far."""
        parts = [line.split() for line in self._notes.read_text().splitlines()]
        return [Note(subject, float(late), int(fence)) for subject, late, fence in parts]

    def await_notes(self, count: int, timeout: float = 60) -> list[Note]:
        """Wait for so many notes, and return them."""
        eventually(lambda: len(self.notes) >= count, timeout)
        return self.notes

    def end(self) -> None:
        """Kill what is left, and remove the rows."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        ask("DELETE FROM core_due WHERE kind LIKE %s RETURNING 1", f"{self.kind}%")


def eventually(condition: Callable[[], bool], timeout: float = 60) -> None:
    """Wait until the condition holds."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def seconds_to_end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> float:
    """Signal the process and return how long it took to end well."""
    begun = time.monotonic()
    process.send_signal(number)
    code = process.wait(10)
    assert code == 0
    return time.monotonic() - begun
