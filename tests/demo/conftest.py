"""A shop of its own for each test, its agent's client, and its people at work."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from assentry import Client

from demo import reviewers
from policies.management.commands.seed_demo import Command
from tests.server import Live

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def seed(server: Live) -> dict[str, Any]:
    """A shop of its own, as `./up --demo` makes it."""
    return dict(Command().run(retail=True, again=False).data)


@pytest.fixture
def client(server: Live, seed: dict[str, Any]) -> Iterator[Client]:
    with Client(server.url, seed["agent_key"]) as found:
        yield found


@contextmanager
def at_work(
    url: str, seed: dict[str, Any], say: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """The scripted reviewers, while the context lasts."""
    over = threading.Event()
    logins = [
        reviewers.Login(one["email"], one["password"])
        for one in seed["people"]
        if one["role"] != "owner"
    ]
    threads = reviewers.work(url, logins, over, say)
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


@pytest.fixture
def people(server: Live, seed: dict[str, Any]) -> Iterator[None]:
    with at_work(server.url, seed):
        yield


@dataclass
class Process:
    """The demo's process, as the supervisor starts it: where its things lie, and its starts."""

    url: str
    folder: Path
    seed: dict[str, Any]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "seed.json").write_text(json.dumps(self.seed), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def ledger(self) -> Path:
        return self.folder / "demo" / "ledger.jsonl"

    def words(self, *more: str) -> list[str]:
        known = ["--url", self.url, "--seed", str(self.folder / "seed.json")]
        return [sys.executable, "-m", "demo", *known, "--folder", str(self.folder / "demo"), *more]

    def start(self, *more: str, parent: int | None = None) -> subprocess.Popen[str]:
        """Start it; `parent` is the descriptor whose end is the supervisor's."""
        environment = dict(ENVIRONMENT)
        if parent is not None:
            environment["ASSENTRY_PARENT_FD"] = str(parent)
        process = subprocess.Popen(
            self.words("--port", str(self.port), *more),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=() if parent is None else (parent,),
        )
        self.started.append(process)
        return process

    def report(self, *more: str) -> subprocess.CompletedProcess[str]:
        """`--report`, to its end."""
        return subprocess.run(
            self.words("--report", *more),
            cwd=ROOT,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}


@pytest.fixture
def process(server: Live, seed: dict[str, Any], tmp_path: Path) -> Iterator[Process]:
    made = Process(server.url, tmp_path, seed)
    yield made
    for one in made.started:
        one.kill()
        one.communicate()


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Look until it holds."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, f"not within {seconds} s"
        time.sleep(0.02)
