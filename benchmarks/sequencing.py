"""The sequencer: what it costs those who submit, how late a checkpoint is, how fast it is, and proofs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from benchmarks import log, submit
from benchmarks.figures import Result, Row, in_ms, median, percentile
from benchmarks.product import ROOT, WORKSPACE, NotReady, Product

#: From an event's instant, which is inside its transaction, to the checkpoint that covers it.
_LATE: Final = """
SELECT extract(epoch FROM c.at - e.at)::float8
  FROM audit_event AS e
  JOIN audit_leaf AS l ON l.event_id = e.id
 CROSS JOIN LATERAL (
    SELECT at FROM audit_checkpoint WHERE workspace_id = l.workspace_id AND size > l.position
     ORDER BY size LIMIT 1) AS c
 WHERE e.kind = 'request.submitted' AND e.at > %s
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    clients: int = 16
    seconds: float = 5.0
    rounds: int = 5
    #: In the log before proofs are asked for; then so many more are sequenced at once.
    stored: int = 1_000_000
    waiting: int = 50_000
    proofs: int = 300


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Submits with the worker at work and stopped by turns; then a long log."""
    scale = scale or Scale()
    submit.submits(product, scale.clients, scale.seconds / 2)
    on, off, ratios = [], [], []
    for _ in range(scale.rounds):
        on.append(_rate(product, scale))
        with log.stopped(product):
            off.append(_rate(product, scale))
        ratios.append(on[-1] / off[-1])
        _let_it_catch_up(product)
    late = _late(product, scale)
    environment = product.environment()
    with log.stopped(product):
        log.fill(environment, WORKSPACE, scale.stored)
        inside = _inside(environment, scale)
    proofs = in_ms(inside["proofs_s"], 50, 99)
    return Result(
        "sequence",
        [
            Row(
                f"submit, {scale.clients} clients, sequenced",
                round(median(on), 1),
                "/s",
                round(median(off), 1),
                "the worker stopped",
                round(median(ratios), 3),
                "≥ 0.9",
            ),
            Row(
                "event → checkpoint, p99", round(percentile(late, 0.99) * 1e3), "ms", goal="≤ 1,000"
            ),
            Row(
                "sequenced at once",
                round(inside["placed"] / inside["seconds"]),
                "/s",
                goal="≥ 10,000",
            ),
            Row(f"proof in {scale.stored:,} events, p99", proofs["p99"], "ms", goal="≤ 20"),
        ],
        {"late_ms": in_ms(late, 50, 95, 99), "proofs_ms": proofs, "on": on, "off": off},
    )


def _rate(product: Product, scale: Scale) -> float:
    took, clock = submit.submits(product, scale.clients, scale.seconds)
    return len(took) / clock.wall_s


def _let_it_catch_up(product: Product) -> None:
    with psycopg.connect(product.database_url(), autocommit=True) as conn:
        while conn.execute("SELECT EXISTS (SELECT FROM audit_pending)").fetchone() != (False,):
            conn.execute("SELECT pg_sleep(0.1)")


def _now(product: Product) -> Any:
    with psycopg.connect(product.database_url()) as conn:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
    return row[0] if row else None


def _late(product: Product, scale: Scale) -> list[float]:
    """Of a run with the worker at work all the time."""
    _let_it_catch_up(product)
    began = _now(product)
    submit.submits(product, scale.clients, scale.seconds)
    _let_it_catch_up(product)
    with psycopg.connect(product.database_url()) as conn:
        return [late for (late,) in conn.execute(_LATE, [began])]


def _inside(environment: dict[str, str], scale: Scale) -> dict[str, Any]:
    words = [WORKSPACE, str(scale.waiting), str(scale.proofs)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.log_sequence", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotReady(f"the log could not be measured: {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
