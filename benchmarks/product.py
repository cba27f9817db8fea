"""The product under measurement: `./up` on a fresh folder and a free port, with one agent and two people."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
from psycopg.conninfo import make_conninfo

from benchmarks.client import Answer, Connection, lines
from runtime.cluster import SUPERUSER, load_state

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_LIMIT_S = 180.0
STOP_LIMIT_S = 15.0

WORKSPACE, OWNER, REVIEWER = "bench", "owner@bench.example", "reviewer@bench.example"
AGENT = "bench"
PASSWORD = "benchmarks-only-7-words"
ROLE, ACTION = "reviewers", "records.publish"
#: What policy approves at once, for benchmarks of what comes after an approval.
FREE_ACTION = "records.archive"
_SCHEMA = {
    "type": "object",
    "required": ["record", "body"],
    "properties": {"record": {"type": "string"}, "body": {"type": "string"}},
}
#: Every request of `ACTION` asks one person; none is decided by policy alone.
POLICY: dict[str, Any] = {
    "assentry": 1,
    "fallback": ROLE,
    "roles": {ROLE: {"title": "Reviewers", "members": [REVIEWER]}},
    "actions": {
        ACTION: {"title": "Publish a record", "risk": "low", "schema": _SCHEMA},
        FREE_ACTION: {"title": "Archive a record", "risk": "low", "schema": _SCHEMA},
    },
    "rules": [
        {
            "name": "A person publishes",
            "action": ACTION,
            "effect": "ask",
            "ask": {"stages": [{"any_of": [ROLE]}], "expires_in": "1d"},
        },
        {"name": "Archiving is free", "action": FREE_ACTION, "effect": "allow"},
    ],
}


class NotReady(RuntimeError):
    """The product did not start, or one of its commands failed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds that the product used so far, by kind of process."""

    seconds: Mapping[str, float]

    def since(self, earlier: Usage, count: int) -> dict[str, float]:
        """Milliseconds of processor time per unit of work since an earlier look."""
        return {
            kind: round((value - earlier.seconds.get(kind, 0.0)) * 1e3 / max(1, count), 3)
            for kind, value in self.seconds.items()
        }


class Product:
    """One instance, as a context manager; `start` and `stop` may be repeated on the same data."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="assentry-bench-"))
        self.data = self._folder / "data"
        self.port = _free_port()
        self.origin = f"http://{HOST}:{self.port}"
        #: Headers of the agent's calls and of the reviewer's.
        self.agent = self.reviewer = b""
        #: What the environment of its processes has besides, from the next start on.
        self.more: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
            self._provision()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for place in (self._cluster(), self._folder):
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)

    # -- life --------------------------------------------------------------------------------------
    def environment(self) -> dict[str, str]:
        """What points a process at this instance, and at no other."""
        foreign = ("ASSENTRY_", "DATABASE_URL", "REDIS_URL", "DJANGO_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        return {
            **inherited,
            "ASSENTRY_HOST": HOST,
            "ASSENTRY_PORT": str(self.port),
            "ASSENTRY_DATA": str(self.data),
            "ASSENTRY_BASE_URL": self.origin,
            "ASSENTRY_EGRESS_ALLOW": "127.0.0.0/8",  # the receivers of callbacks
            "PYTHONFAULTHANDLER": "1",  # a process that dies under load shall say where
            **self.more,
        }

    def start(self) -> None:
        """Start `./up`; returns when /readyz says that it serves."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Start `./up` and return at once."""
        with (self._folder / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "up")],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when /readyz answers 200.

        Raises:
            NotReady: it ended, or took too long.
        """
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            self._check_alive()
            try:
                with urllib.request.urlopen(f"{self.origin}/readyz", timeout=5):  # noqa: S310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise NotReady(f"./up was not ready after {START_LIMIT_S:.0f} s; it said:\n{self.said()}")

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return HOST, self.port

    def wait_until_listening(self) -> None:
        """Return as soon as a connection is taken; what it sends is answered when the product stands.

        Raises:
            NotReady: it ended, or took too long.
        """
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            self._check_alive()
            with socket.socket() as probe:
                if probe.connect_ex(self.address) == 0:
                    return
            time.sleep(0.01)
        raise NotReady(f"./up did not listen after {START_LIMIT_S:.0f} s; it said:\n{self.said()}")

    def _check_alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise NotReady(f"./up ended; it said:\n{self.said()}")

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def said(self) -> str:
        """The end of what it printed."""
        try:
            return (self._folder / "up.log").read_text(errors="replace")[-3000:]
        except OSError:
            return ""

    def _cluster(self) -> Path | None:
        """Where PostgreSQL keeps its files, if that is outside our folder (so it is as root)."""
        try:
            place = Path(json.loads((self.data / "postgres.json").read_text())["cluster"])
        except (OSError, ValueError, KeyError):
            return None
        return None if self._folder in place.parents else place.parent

    # -- people and agents ---------------------------------------------------------------------------
    def _provision(self) -> None:
        """An owner, a reviewer and an agent.  Nobody decides on their own agent's request."""
        policy = self._folder / "policy.json"  # JSON is YAML
        policy.write_text(json.dumps(POLICY))
        self.manage("workspace_create", WORKSPACE)
        for email in (OWNER, REVIEWER):
            self.manage("person_create", WORKSPACE, email, "--password-stdin", stdin=PASSWORD)
        made = self.new_agent(AGENT)
        self.manage("policy_apply", WORKSPACE, str(policy))
        self.key = str(made["key"])
        self.agent = bearer(self.key)

    def new_agent(self, name: str) -> dict[str, Any]:
        """A new agent of the owner: its `id` and `key`."""
        return self.manage("agent_create", WORKSPACE, name, "--owner", OWNER)

    def manage(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Run `manage.py COMMAND … --json` on this instance.

        Raises:
            NotReady: it failed, with what it said.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments, "--json"],
            cwd=ROOT,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotReady(f"manage.py {' '.join(arguments)}: {done.stderr[-1000:]}")
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer

    def connection(self) -> Connection:
        """A new connection for the load."""
        return Connection(HOST, self.port)

    async def sign_in(self) -> None:
        """Sign the reviewer in; `reviewer` holds the headers from then on."""
        self.reviewer = await self.session(REVIEWER)

    async def session(self, email: str) -> bytes:
        """Sign a person in; the headers of their calls."""
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        connection = self.connection()
        cookies = (await connection.call("POST", "/api/v1/session", body=body)).cookies()
        connection.close()
        token = next(value for name, value in cookies.items() if name.endswith("csrftoken"))
        return lines(
            {
                "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
                "x-csrftoken": token,
                "referer": f"{self.origin}/",
            }
        )

    async def submit(
        self,
        connection: Connection,
        number: object,
        life: str = "1d",
        *,
        action: str = ACTION,
        agent: bytes = b"",
    ) -> Answer:
        """The agent's submit: 200 bytes of payload, as in the comparison with other systems.

        `agent` holds the headers of another one than `self.agent`.
        """
        body = b'{"action":"%b","payload":{"record":"rec_%b","body":"%b"},"expires_in":"%b"}' % (
            action.encode(),
            str(number).encode(),
            b"x" * 200,
            life.encode(),
        )
        return await connection.call("POST", "/api/v1/requests", agent or self.agent, body)

    async def approve(self, connection: Connection, request: Mapping[str, Any]) -> Answer:
        """The reviewer's verdict on a request object."""
        body = json.dumps(
            {
                "verdict": "approve",
                "stage": request["stage"],
                "payload_digest": request["payload_digest"],
            }
        ).encode()
        path = f"/api/v1/requests/{request['id']}/decisions"
        return await connection.call("POST", path, self.reviewer, body)

    # -- the database --------------------------------------------------------------------------------
    def database_url(self) -> str:
        """How the product itself connects."""
        url: str = json.loads((self.data / "instance.json").read_text())["database_url"]
        return url

    def superuser_url(self) -> str:
        """How to connect as the role that may do everything, to prepare what no call can."""
        state = load_state(self.data)
        assert state is not None  # noqa: S101  # it was started
        connection = {"user": SUPERUSER, "password": state.superuser_password}
        return make_conninfo(self.database_url(), **connection)

    # -- what it takes -------------------------------------------------------------------------------
    def processes(self) -> dict[int, tuple[str, psutil.Process]]:
        """All its processes with their kind: web, worker, postgres, supervisor."""
        if self._process is None:
            return {}
        root = psutil.Process(self._process.pid)
        found = {}
        for process in (root, *root.children(recursive=True)):
            try:
                found[process.pid] = _kind(process), process
            except psutil.NoSuchProcess:
                continue
        return found

    def memory_mib(self) -> dict[str, float]:
        """Proportional set size by kind of process, MiB (unique set size where there is no other)."""
        sums: Counter[str] = Counter()
        for kind, process in self.processes().values():
            try:
                info = process.memory_full_info()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            sums[kind] += getattr(info, "pss", info.uss)
        return {kind: round(value / 2**20, 1) for kind, value in sorted(sums.items())}

    def usage(self) -> Usage:
        """Processor time by kind of process; of those that live."""
        sums: dict[str, float] = {}
        for kind, process in self.processes().values():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            sums[kind] = sums.get(kind, 0.0) + times.user + times.system
        return Usage(sums)


def bearer(key: str) -> bytes:
    """Headers of whoever calls with a key."""
    return lines({"authorization": f"Bearer {key}"})


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    for mark, kind in (
        ("config.web", "web"),
        ("config.worker", "worker"),
        ("postgres", "postgres"),
    ):
        if mark in command:
            return kind
    return "supervisor"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
