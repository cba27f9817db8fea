"""The worker, keeping promises of kind `test.note`: it writes down when it kept each.

Run as a process of its own by the tests: `python -m tests.config.worker_program NOTES [OPTION…]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import django

django.setup()

# ruff: noqa: E402 - as in config.worker
from config import due as registry
from core import db, due

NOTES = sys.argv[1]


def note(claimed: Sequence[due.Claimed]) -> None:
    with db.pool().connection() as conn, conn.transaction():
        now = conn.execute("SELECT clock_timestamp()").fetchone()[0]
        due.finish(conn, claimed)
    with open(NOTES, "a") as file:
        for row in claimed:
            file.write(f"{row.subject} {(now - row.due_at).total_seconds():.4f} {row.fence}\n")


def slow(claimed: Sequence[due.Claimed]) -> None:
    with open(NOTES, "a") as file:
        file.write("begun\n")
    time.sleep(60)


registry.HANDLERS.clear()
registry.HANDLERS.update({"test.note": note, "test.slow": slow})

from config.worker import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
