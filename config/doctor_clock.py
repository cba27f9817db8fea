"""Whether what follows from time happens: overdue rows, the worker, who watches them, the heartbeat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from config import environment
from config.findings import Connection, Finding, Level
from core import due
from oversight.watching.standing import SILENT_AFTER, Standing, standing

WORKER: Final = "assentry worker"
#: A sweep runs every second; a worker that has asked nothing for so long is not one.
WORKER_SILENT_S: Final = 10
OVERDUE_FAILED_S: Final = 60

_WORKER: Final = """
SELECT EXTRACT(EPOCH FROM clock_timestamp() - max(query_start))::float8
  FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
"""


def overdue(conn: Connection) -> Iterator[Finding]:
    """What is late."""
    late = due.overdue(conn=conn)
    for kind, count, oldest_s in late:
        yield Finding(
            "overdue",
            "failed" if oldest_s > OVERDUE_FAILED_S else "warning",
            f"{count} of {kind}, the oldest by {oldest_s:.0f} s",
            "see the worker's log: it names each row that fails, and why",
        )
    if not late:
        yield Finding("overdue", "ok", "nothing")


def worker(conn: Connection) -> Iterator[Finding]:
    """A worker is alive when one of its connections has asked something within the last seconds."""
    row = conn.execute(_WORKER, (WORKER,)).fetchone()
    silent_s = row[0] if row else None
    if silent_s is None or silent_s > WORKER_SILENT_S:
        since = "none is connected" if silent_s is None else f"silent for {silent_s:.0f} s"
        todo = "start it (./up, or python -m config.worker): nothing expires or is sent without it"
        yield Finding("worker", "failed", since, todo)
    else:
        yield Finding("worker", "ok", "sweeps")


def watch(conn: Connection) -> Iterator[Finding]:
    """When somebody last looked whether the clock does its work, and what they found."""
    stands = standing(conn)
    todo = "see the worker's log"
    if stands.looked_at is None:
        yield Finding("watch", "warning", "nobody has looked after the clock yet", "start a worker")
    elif stands.silent:
        detail = f"nobody has looked after the clock since {_shown(stands.looked_at)}"
        late = f"looks come every half a minute; after {SILENT_AFTER.seconds} s the worker is gone"
        yield Finding("watch", "failed", detail, f"{todo}, and start one: {late}")
    else:
        for each in stands.found:
            level: Level = "warning" if each.what == "without_clock" else "failed"
            yield Finding("watch", level, each.sentence, todo)
        if not stands.found:
            detail = f"nothing was wrong at {_shown(stands.looked_at)}"
            yield Finding("watch", "ok", detail)
    yield _heartbeat(stands)


def _heartbeat(stands: Standing) -> Finding:
    """Whether somebody outside would hear that this server has stopped."""
    if not settings.HEARTBEAT_URL:
        if urlsplit(settings.BASE_URL).hostname in environment.LOOPBACK:
            return Finding("heartbeat", "ok", "none is sent: this server is for this machine")
        detail = "none is sent: nobody is told if this server stops"
        todo = "set ASSENTRY_HEARTBEAT_URL to an address that alarms when it is not called"
        return Finding("heartbeat", "warning", detail, todo)
    host = urlsplit(settings.HEARTBEAT_URL).hostname
    last = f"last arrived at {_shown(stands.beat_at)}" if stands.beat_at else "never arrived"
    if stands.beat_failing_since is not None:
        detail = (
            f"{host}: {stands.beat_error} Failing since {_shown(stands.beat_failing_since)}, {last}"
        )
        todo = "mend the receiver or ASSENTRY_HEARTBEAT_URL"
        return Finding("heartbeat", "failed", detail, todo)
    if stands.beat_at is None:
        todo = "it is sent by the worker, once a look has found nothing wrong"
        return Finding("heartbeat", "warning", f"{host}: {last}", todo)
    return Finding("heartbeat", "ok", f"{host}: {last}")


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
