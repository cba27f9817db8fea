"""How late the clock's steps are taken: many at once among many more, and after an outage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.client import run
from benchmarks.figures import Result, Row, in_ms
from benchmarks.product import NotReady, Product
from benchmarks.waiters import submitted

ROOT: Final = Path(__file__).resolve().parent.parent
WITHIN_S: Final = 120.0

_FILL: Final = """
INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
SELECT core_uuid7(), 'request.escalate', gen_random_uuid(), gen_random_uuid(), at, at, 0
  FROM (SELECT clock_timestamp() + interval '1 day' + n * interval '1 second' AS at
          FROM generate_series(1, %s) AS n) AS rows
"""
#: Each request's first step falls due within one second, so many seconds from now.
_ALIGN: Final = """
WITH numbered AS (
    SELECT r.id, row_number() OVER (ORDER BY r.id) - 1 AS n, count(*) OVER () AS many, d.due_at - s.opened_at AS after
      FROM approvals_request r
      JOIN approvals_stage s ON s.request_id = r.id AND s.revision = r.revision AND s.index = r.stage
      JOIN core_due d ON d.subject = r.id AND d.kind = 'request.escalate'
     WHERE r.status = 'pending'
),
placed AS (
    SELECT id, after, %(at)s::timestamptz + n * interval '1 second' / many AS due FROM numbered
),
opened AS (
    UPDATE approvals_stage s SET opened_at = p.due - p.after FROM placed p WHERE s.request_id = p.id
)
UPDATE core_due d SET due_at = p.due, ready_at = p.due
  FROM placed p WHERE d.subject = p.id AND d.kind = 'request.escalate'
"""
#: All that these requests remember lies so much earlier.
_AGE: Final = (
    "UPDATE approvals_stage SET opened_at = opened_at - %(by)s WHERE closed_at IS NULL",
    """UPDATE approvals_request SET created_at = created_at - %(by)s, expires_at = expires_at - %(by)s
        WHERE status = 'pending'""",
    """UPDATE core_due d SET due_at = due_at - %(by)s, ready_at = ready_at - %(by)s
         FROM approvals_request r WHERE r.id = d.subject AND d.kind IN ('request.escalate', 'request.expire')""",
)
_LATE: Final = """
SELECT EXTRACT(EPOCH FROM at - due_at)::float8 FROM escalations_step WHERE number = 0 AND state = 'fired'
"""
_TWICE: Final = """
SELECT count(*) FROM (
    SELECT subject, body::text FROM (
        SELECT subject, convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'step' AS body
          FROM audit_event WHERE kind = 'escalation.stepped') AS steps
     GROUP BY 1, 2 HAVING count(*) > 1) AS doubled
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    due: int = 1_000
    among: int = 100_000
    more_workers: int = 2
    overdue: int = 300


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Three workers, each with a beat of its own, for the whole run."""
    scale = scale or Scale()
    with (
        _more_workers(product, scale.more_workers),
        psycopg.connect(product.superuser_url(), autocommit=True) as conn,
    ):
        run(submitted(product, scale.due))
        conn.execute(_FILL, [scale.among])
        conn.execute("ANALYZE core_due")
        _quiet(conn)
        late, noticed = _steps(conn, scale)
        recovered = _outage(product, conn, scale)
        doubled = conn.execute(_TWICE).fetchone()
    if doubled is None or doubled[0]:
        raise NotReady(f"{doubled} steps were taken twice")
    spread, bare = in_ms(late, 50, 95, 99), in_ms(noticed, 50, 95, 99)
    what = f"{scale.due:,} steps due in one second among {scale.among:,} rows"
    goals = {"p99": "≤ 1,500"}
    rows = [
        Row(
            f"{what}, late by, {name}",
            spread[name],
            "ms",
            max(bare[name], 0.01),
            "a bare poller",
            goal=goals.get(name, ""),
        )
        for name in ("p50", "p95", "p99")
    ]
    said = f"{scale.overdue:,} requests with two steps and the deadline overdue, after an outage"
    rows.append(Row(f"{said}: all handled after", round(recovered, 1), "s", goal="≤ 60"))
    return Result("escalations", rows, {"workers": 1 + scale.more_workers, "taken_twice": 0})


def _polled(conn: psycopg.Connection[Any], begin: datetime, count: int) -> list[float]:
    """Seconds from when each step is due until a bare poller notices; it looks every 5 ms and does nothing."""
    due = [begin + timedelta(seconds=number / count) for number in range(count)]
    noticed: list[float] = []
    while len(noticed) < count:
        now = conn.execute("SELECT clock_timestamp()").fetchone()
        assert now is not None  # noqa: S101  # a SELECT without FROM always answers
        while len(noticed) < count and due[len(noticed)] <= now[0]:
            noticed.append((now[0] - due[len(noticed)]).total_seconds())
        time.sleep(0.005)
    return noticed


def _steps(conn: psycopg.Connection[Any], scale: Scale) -> tuple[list[float], list[float]]:
    """Seconds from when each step was due until it was taken, and until a bare poller noticed."""
    clock = conn.execute("SELECT clock_timestamp() + interval '4 seconds'").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    conn.execute(_ALIGN, {"at": clock[0]})
    noticed = _polled(conn, clock[0], scale.due)
    until = time.monotonic() + WITHIN_S
    while True:
        found = [row[0] for row in conn.execute(_LATE).fetchall()]
        if len(found) >= scale.due:
            return found, noticed
        if time.monotonic() > until:
            raise NotReady(f"{len(found)} of {scale.due} steps were taken")
        time.sleep(0.2)


def _outage(product: Product, conn: psycopg.Connection[Any], scale: Scale) -> float:
    """Stop every worker, let everything pass, and wake them; seconds until all of it is handled."""
    conn.execute(
        "DELETE FROM core_due WHERE kind = 'request.escalate' AND due_at > now() + interval '23 h'"
    )
    run(submitted(product, scale.overdue))
    _quiet(conn)
    workers = [id for id, (kind, _) in product.processes().items() if kind == "worker"]
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    for statement in _AGE:
        conn.execute(statement, {"by": timedelta(days=9)})
    begun = time.monotonic()
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    while time.monotonic() - begun < WITHIN_S:
        left = conn.execute(
            "SELECT count(*) FROM approvals_request WHERE status = 'pending'"
        ).fetchone()
        if left is not None and not left[0]:
            return time.monotonic() - begun
        time.sleep(0.1)
    raise NotReady("what was overdue was not handled")


def _quiet(conn: psycopg.Connection[Any]) -> None:
    """Wait until everybody was told of everything: what is measured is the clock alone."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        busy = conn.execute(
            "SELECT count(*) FROM core_due WHERE due_at <= clock_timestamp() + interval '1 s'"
        ).fetchone()
        if busy is not None and not busy[0]:
            return
        time.sleep(0.2)
    raise NotReady("it does not become quiet")


@contextmanager
def _more_workers(product: Product, count: int) -> Iterator[None]:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "config.worker"],
            cwd=ROOT,
            env=product.environment() | {"DJANGO_SETTINGS_MODULE": "config.settings"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in started:
            process.wait(10)
