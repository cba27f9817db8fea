"""The log: how fast a long one is exported, and checked again, and in how much memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
from assentry.audit import Key, check

from benchmarks.figures import Result, Row, median
from benchmarks.product import ROOT, WORKSPACE, NotReady, Product

_BARE = """
COPY (SELECT e.body FROM audit_leaf AS l JOIN audit_event AS e ON e.id = l.event_id
       ORDER BY l.position) TO STDOUT (FORMAT binary)
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    events: int = 1_000_000
    rounds: int = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """What one export took."""

    seconds: float
    bytes: int
    rss_mib: float


def export(product: Product, scale: Scale | None = None) -> Result:
    """A log of many events, exported by the command, whole and as CSV and one kind of it."""
    scale = scale or Scale()
    environment = product.environment()
    with stopped(product):
        fill(environment, WORKSPACE, scale.events)
    bare = _bare(product.database_url())
    rows, notes = [], {}
    for name, words in (
        ("JSON Lines", ()),
        ("CSV", ("--format", "csv")),
        ("one kind", ("--kind", "request.commented")),
    ):
        taken = run(environment, WORKSPACE, *words)
        rate = scale.events / taken.seconds
        goal = f"≥ {20_000:,}" if name == "JSON Lines" else ""
        limit = scale.events / bare
        rows.append(
            Row(f"{name}, events", round(rate), "/s", round(limit), "a bare COPY", goal=goal)
        )
        rows.append(Row(f"{name}, memory at most", taken.rss_mib, "MiB", goal="≤ 300"))
        notes[name] = {
            "seconds": round(taken.seconds, 1),
            "MiB": round(taken.bytes / 2**20, 1),
            "rss_mib": taken.rss_mib,
        }
    return Result("export", rows, {"events": scale.events, **notes})


def verify(product: Product, scale: Scale | None = None) -> Result:
    """The export of a long log, checked by one process and by several, in turns with SHA-256 of each line."""
    scale = scale or Scale()
    environment = product.environment()
    with stopped(product):
        fill(environment, WORKSPACE, scale.events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        with path.open("wb") as file:
            words = [sys.executable, "manage.py", "audit_export", WORKSPACE, "--out", "-"]
            subprocess.run(words, cwd=ROOT, env=environment, stdout=file, check=True)
        keys = [Key.parse(text) for text in _keys_in(path)]
        jobs = min(4, os.cpu_count() or 1)
        ways: dict[str, Callable[[], object]] = {
            "loop": lambda: _hash_lines(path),
            "one": lambda: check(path, keys),
            "several": lambda: check(path, keys, jobs=jobs),
        }
        took = [{name: _seconds(way) for name, way in ways.items()} for _ in range(scale.rounds)]
    rows = [
        Row(
            f"checked by {told}, events",
            round(scale.events / median([one[name] for one in took])),
            "/s",
            round(scale.events / median([one["loop"] for one in took])),
            "SHA-256 of each line",
            round(median([one["loop"] / one[name] for one in took]), 2),
            "≥ 0.5" if name == "several" else "",
        )
        for name, told in (("one", "one process"), ("several", f"{jobs} processes"))
    ]
    return Result("verify", rows, {"events": scale.events, "seconds": took})


def _keys_in(path: Path) -> list[str]:
    """The keys that the manifest names: how fast it is does not hang on whom one trusts."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        note = json.loads(file.read().rsplit(b"\n", 2)[1])["manifest"]
    keys: list[str] = json.loads(note.split("\n")[1])["keys"]
    return keys


def _hash_lines(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            sha256(line).digest()


def _seconds(way: Callable[[], object]) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


@contextmanager
def stopped(product: Product) -> Iterator[None]:
    """The worker stands still; nothing else in it matters to who submits."""
    workers = [one for kind, one in product.processes().values() if kind == "worker"]
    for one in workers:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in workers:
            one.send_signal(signal.SIGCONT)


def fill(environment: Mapping[str, str], slug: str, events: int) -> None:
    """Add so many events to a workspace's log, of which no worker takes care meanwhile (`stopped`).

    Raises:
        NotReady: it failed, with what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.log_fill", slug, str(events)],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotReady(f"the log could not be filled: {done.stderr[-1000:]}")


def run(environment: Mapping[str, str], slug: str, *words: str) -> Taken:
    """Export to a pipe that is emptied at once, and look what the process took, its start included.

    Raises:
        NotReady: it failed, with what it said.
    """
    begun, size = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "manage.py", "audit_export", slug, "--out", "-", *words],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    with process.stdout as pipe:
        while piece := pipe.read1(1 << 20):  # type: ignore[attr-defined]  # it is buffered
            size += len(piece)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise NotReady(f"the export ended with {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Taken(time.perf_counter() - begun, size, round(usage.ru_maxrss * scale / 2**20, 1))


def _bare(url: str) -> float:
    """Seconds that the database alone takes to hand out the same bytes."""
    begun = time.perf_counter()
    with psycopg.connect(url) as conn, conn.cursor() as cursor, cursor.copy(_BARE) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - begun
