"""Counts everything of `oversight.metrics.table` and writes it as Prometheus reads it.

Nothing is kept in a process: many of them answer the same.  Counting goes over a connection of its own, so
that a full pool hides nothing; each part of it may take two seconds, all together five, and what takes
longer is left out and said to be. What was counted serves everybody who asks within three seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from psycopg import Connection, errors

from agents import gauges as agents
from approvals import gauges as requests
from approvals.gauges import Lateness
from audit import recent
from callbacks import gauges as callbacks
from callbacks.sql import DELIVER
from core import db, due, due_looks
from core.version import VERSION
from escalations import gauges as steps
from notifications import gauges as messages
from oversight.metrics import table
from oversight.metrics.table import Metric
from oversight.watching.findings import WHATS
from oversight.watching.standing import standing

Labels: TypeAlias = tuple[str, ...]
#: One metric's samples, by the values of its labels.
Samples: TypeAlias = tuple[Metric, Mapping[Labels, float]]

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
STATEMENT_S: Final = 2.0
ALL_S: Final = 5.0
KEPT_S: Final = 3.0

_CONNECTIONS: Final = """
SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
 WHERE datname = current_database() GROUP BY 1 ORDER BY 1
"""
_QUANTILES: Final = ("0.5", "0.95", "1")
_MOST: Final = "SELECT current_setting('max_connections')::int"


def _due(conn: Connection[Any]) -> Iterator[Samples]:
    waiting = due_looks.waiting(conn)
    late = {kind: (count, oldest_s) for kind, count, oldest_s in due.overdue(conn=conn)}
    kinds = sorted({*waiting, *late})
    yield table.DUE_WAITING, {(kind,): waiting.get(kind, 0) for kind in kinds}
    yield table.DUE_OVERDUE, {(kind,): late.get(kind, (0, 0.0))[0] for kind in kinds}
    yield table.DUE_OLDEST, {(kind,): late.get(kind, (0, 0.0))[1] for kind in kinds}
    yield table.CALLBACKS, {(): waiting.get(DELIVER, 0)}


def _pending(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.PENDING, {(risk,): count for risk, count in requests.pending(conn).items()}


def _ended(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.ENDED, {(*key,): count for key, count in requests.ended(conn).items()}


def _submitted(conn: Connection[Any]) -> Iterator[Samples]:
    found = requests.submitted(conn)
    yield table.SUBMITTED, {(asks,): found.get(asks, 0) for asks in ("nobody", "people")}


def _latency(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.LATENCY, _by_quantile(requests.latency(conn))


def _callbacks(conn: Connection[Any]) -> Iterator[Samples]:
    found = callbacks.attempts(conn)
    yield table.ATTEMPTS, {("arrived",): found.arrived, ("failed",): found.failed}
    yield table.DELAY, _by_quantile(found.delay)


def _agents(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.CALLS, {(*key,): count for key, count in agents.calls(conn).items()}


def _by_quantile(seconds: tuple[float, float, float] | None) -> dict[Labels, float]:
    """The samples of half, 95 of 100 and all; none where nothing was timed."""
    if seconds is None:
        return {}
    return {(quantile,): each for quantile, each in zip(_QUANTILES, seconds, strict=True)}


def _escalations(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.STEPS, {(*key,): count for key, count in steps.steps(conn).items()}


def _lateness(conn: Connection[Any]) -> Iterator[Samples]:
    found = {"deadline": requests.lateness(conn), "step": steps.lateness(conn)}
    yield (
        table.LATENESS,
        {
            (what, quantile): seconds
            for what, late in found.items()
            if late is not None
            for quantile, seconds in _quantiles(late)
        },
    )


def _quantiles(late: Lateness) -> tuple[tuple[str, float], ...]:
    return ("0.5", late.p50), ("0.99", late.p99), ("1", late.longest)


def _watch(conn: Connection[Any]) -> Iterator[Samples]:
    stands = standing(conn)
    for metric, at in (
        (table.LAST_LOOK, stands.looked_at),
        (table.LAST_WELL, stands.well_at),
        (table.BEAT, stands.beat_at),
    ):
        yield metric, {} if at is None else {(): at.timestamp()}
    found: dict[Labels, float] = {(what,): 0.0 for what in WHATS}
    for each in stands.found:
        found[(each.what,)] += each.count
    yield table.FINDINGS, found


def _messages(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.MESSAGES, {(*key,): count for key, count in messages.messages(conn).items()}
    yield table.UNREACHED, {(): messages.unreached(conn)}


def _log(conn: Connection[Any]) -> Iterator[Samples]:
    yield table.LOG, {(): recent.waiting(conn)}


def _database(conn: Connection[Any]) -> Iterator[Samples]:
    rows = conn.execute(_CONNECTIONS).fetchall()
    yield table.CONNECTIONS, {(state,): count for state, count in rows}
    most = conn.execute(_MOST).fetchone()
    yield table.CONNECTIONS_MOST, {(): most[0]} if most else {}


SECTIONS: Final[Mapping[str, Callable[[Connection[Any]], Iterator[Samples]]]] = {
    "watch": _watch,
    "due": _due,
    "pending": _pending,
    "messages": _messages,
    "log": _log,
    "database": _database,
    "escalations": _escalations,
    "lateness": _lateness,
    "ended": _ended,
    "submitted": _submitted,
    "latency": _latency,
    "callbacks": _callbacks,
    "agents": _agents,
}


def collect(conn: Connection[Any]) -> list[Samples]:
    """Count, section by section; one that takes too long is left out."""
    until = time.monotonic() + ALL_S
    found: list[Samples] = []
    incomplete: dict[Labels, float] = {}
    for name, section in SECTIONS.items():
        incomplete[(name,)] = 0
        try:
            if time.monotonic() >= until:
                raise errors.QueryCanceled
            found += list(section(conn))
        except errors.QueryCanceled:
            incomplete[(name,)] = 1
    return [*found, (table.INCOMPLETE, incomplete), (table.BUILD, {(VERSION,): 1})]


class _Ready:
    """A registry's collector of what was counted."""

    def __init__(self, samples: list[Samples]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each metric that was counted, in the order of the table."""
        counted = {metric.name: values for metric, values in self._samples}
        for metric in table.METRICS:
            if metric.name not in counted:
                continue
            family = metric.family()
            for labels, value in counted[metric.name].items():
                family.add_metric(labels, value)
            yield family


def written(samples: list[Samples]) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Ready(samples))
    return generate_latest(registry)


class Counted:
    """What was counted last, for everybody who asks within a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = b""
        self._until = 0.0

    def text(self) -> bytes:
        """What all processes would say.

        Raises:
            psycopg.Error: the database does not answer.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._text = written(_count())
                self._until = time.monotonic() + KEPT_S
            return self._text

    def forget(self) -> None:
        """Count again when somebody asks next."""
        with self._lock:
            self._until = 0.0


def _count() -> list[Samples]:
    name = f"{db.application_name()} metrics"
    with db.connect(connect_timeout=2, application_name=name) as conn:
        conn.execute(
            "SELECT set_config('statement_timeout', %s, false), set_config('TimeZone', 'UTC', false)",
            (f"{STATEMENT_S}s",),
        )
        return collect(conn)


counted: Final = Counted()
