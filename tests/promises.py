"""Due rows for tests, of kinds that no handler of the product knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from core import db, due


def promise(kind: str, *offsets_s: float) -> list[due.Promise]:
    """Write one due row for each offset, in seconds from the database's present."""
    with db.pool().connection() as conn:
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        workspace = uuid4()
        rows = [
            due.Promise(kind, workspace, uuid4(), now + timedelta(seconds=offset))
            for offset in offsets_s
        ]
        conn.execute(f"WITH {due.INSERT_DUE} SELECT 1", due.due_rows(rows))
    return rows


def left(kind: str) -> list[tuple[UUID, int]]:
    """Return (subject, fence) of the rows of `kind` that are still there, oldest first."""
    return ask("SELECT subject, fence FROM core_due WHERE kind = %s ORDER BY due_at", kind)


def ask(statement: str, *values: object) -> list[Any]:
    """Return the rows that one statement answers."""
    with db.pool().connection() as conn:
        return conn.execute(statement, values).fetchall()


def terminate(application_name: str) -> int:
    """End the server's side of all connections of this name; return how many there were."""
    return len(
        ask(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s "
            "AND datname = current_database() AND pid <> pg_backend_pid()",
            application_name,
        )
    )
