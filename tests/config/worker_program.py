"""The worker, keeping promises of kinds of its own: it writes down when it kept each.

Run as a process by the tests (`tests.config.workers`). `TEST_LEASE_S` shortens the lease,
`TEST_NO_SWEEP=1` leaves the schedule empty, so that only nudges can make it work.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import django

django.setup()

# ruff: noqa: E402 - as in config.worker
from config import due as registry
from core import db, due

KIND = os.environ["TEST_KIND"]
NOTES = Path(os.environ["TEST_NOTES"])


def note(claimed: Sequence[due.Claimed]) -> None:
    """Keep the promises, and write: subject, lateness in seconds, fence."""
    with db.pool().connection() as conn, conn.transaction():
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        due.finish(conn, claimed)
    with NOTES.open("a") as file:
        for row in claimed:
            file.write(f"{row.subject} {(now - row.due_at).total_seconds():.4f} {row.fence}\n")


def hang(_claimed: Sequence[due.Claimed]) -> None:
    """Say that it began, and not end."""
    with NOTES.open("a") as file:
        file.write("hanging 0 0\n")
    time.sleep(60)


registry.HANDLERS.clear()
registry.HANDLERS.update({KIND: note, f"{KIND}.hang": hang})
if "TEST_LEASE_S" in os.environ:
    lease = timedelta(seconds=float(os.environ["TEST_LEASE_S"]))
    due.run = functools.partial(due.run, lease=lease)

from config import worker
from config.celery import app

if os.environ.get("TEST_NO_SWEEP"):
    app.conf.beat_schedule = {}

if __name__ == "__main__":
    sys.exit(worker.main(sys.argv[1:]))
