"""The product's own processes, started by a test on its database: to be killed, stopped and restarted."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from config.environment import ROOT


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a process of an instance in development, on the test's database, has around it."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ASSENTRY_DATA": str(folder),
        "ASSENTRY_DEV": "1",
        **more,
    }


class Process:
    """One process with the environment of an instance in development."""

    def __init__(
        self, folder: Path, command: list[str], more: dict[str, str], fds: tuple[int, ...] = ()
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.log = folder / f"{command[0]}-{secrets.token_hex(3)}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                pass_fds=fds,
                env=environment(folder, **more),
                stdout=log,
                stderr=log,
            )

    @property
    def ended(self) -> int | None:
        """The exit status; None while it runs."""
        return self.process.poll()

    def kill(self) -> None:
        """SIGKILL, whatever it does."""
        if self.ended is None:
            self.process.kill()
        self.process.wait(10)


class Web(Process):
    """A web process on a socket that outlives it, so that a successor answers at the same address."""

    def __init__(self, folder: Path, listener: socket.socket | None = None, **more: str) -> None:
        self.listener = listener or socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.api = f"{self.url}/api/v1"
        number = self.listener.fileno()
        command = ["config.web", "--fd", str(number)]
        super().__init__(folder, command, {"ASSENTRY_BASE_URL": self.url, **more}, (number,))
        assert requests.get(f"{self.url}/readyz", timeout=30).json()["status"] in {"ok", "degraded"}

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One call of the API, on a connection of its own."""
        timeout = options.pop("timeout", 60)
        return requests.request(method, self.api + path, timeout=timeout, **options)


class Worker(Process):
    """The embedded worker; ready once it says so."""

    def __init__(self, folder: Path, **more: str) -> None:
        super().__init__(folder, ["config.worker"], more)
        try:
            eventually(lambda: "is ready" in self.log.read_text() or self.ended is not None)
            assert self.ended is None, self.log.read_text()
        except AssertionError:
            self.kill()
            raise


def eventually(condition: Callable[[], object], timeout: float = 60) -> None:
    """Wait until the condition holds; for what other processes do in their own time, on any machine."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
