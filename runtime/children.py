"""Processes that the supervisor keeps running."""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.parent import VARIABLE

# A process that lived this long is taken to have started well.
SETTLED_SECONDS = 20.0
QUICK_DEATHS = 5
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0


class GaveUp(Exception):
    """A process died again and again, each time soon after its start."""


class Child:
    """One program: started, watched, started again after a pause when it dies."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        pass_fds: Sequence[int] = (),
        vital: bool = True,
    ) -> None:
        """`vital`: without it there is no product; another one is left dead after too many deaths."""
        self.name = name
        self._vital = vital
        self._command = list(command)
        self._environment = dict(environment)
        self._folder = folder
        self._pass_fds = tuple(pass_fds)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._quick_deaths = 0
        self._start_at = 0.0

    @property
    def pid(self) -> int:
        """The process id, 0 while it is not running."""
        return self._process.pid if self._process is not None else 0

    def start(self, parent_fd: int) -> None:
        """Start the program; it ends when the write end of `parent_fd`'s pipe is gone."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env={**self._environment, VARIABLE: str(parent_fd)},
            pass_fds=(*self._pass_fds, parent_fd),
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches the supervisor alone, which ends the others in order.
            start_new_session=True,
        )

    def tend(self, parent_fd: int) -> str | None:
        """Look after it; returns a line to print when it died, and the time to look again.

        Raises `GaveUp` when it died `QUICK_DEATHS` times without ever settling, and is vital.
        """
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self.start(parent_fd)
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._process = None
        lived = time.monotonic() - self._started
        self._quick_deaths = 1 if lived > SETTLED_SECONDS else self._quick_deaths + 1
        ending = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        if self._quick_deaths >= QUICK_DEATHS and not self._vital:
            self._start_at = math.inf
            return f"The {self.name} process {ending} once more; it is left so, the rest goes on."
        if self._quick_deaths >= QUICK_DEATHS:
            raise GaveUp(
                f"The {self.name} process {ending}, for the {QUICK_DEATHS}th time in a row soon "
                "after its start: see its messages above."
            )
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self._quick_deaths - 1))
        self._start_at = time.monotonic() + pause
        return f"The {self.name} process {ending}; it is started again."

    def due_in(self) -> float | None:
        """Seconds until it wants to be started again; None when it is running."""
        if self._process is not None:
            return None
        return max(0.0, self._start_at - time.monotonic())

    def signal(self, number: int) -> None:
        """Send a signal, when it is running."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, until: float) -> bool:
        """Wait for its end until the monotonic time `until`; False when it is still running."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True


def parent_pipe() -> tuple[int, int]:
    """A pipe that tells the children of our death: hand on the first, keep the second."""
    return os.pipe()
