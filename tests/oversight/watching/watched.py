"""The watch in tests: asked as the worker's beat asks it, on the clock of the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from approvals.ends import EXPIRE
from config import tasks
from config.due import HANDLERS
from core import due
from core.db import pool
from escalations.expiry import expire_due
from oversight.watching import look
from oversight.watching.standing import Standing, standing
from tests.promises import ask

#: Everything of the watch that is an instant.
_INSTANTS = ("begun_at", "looked_at", "well_at", "beat_at", "beat_failing_since")


def now() -> Standing:
    """As the watch stands."""
    with pool().connection() as conn:
        return standing(conn)


def watch() -> Standing:
    """One beat of the schedule, half a minute after the one before."""
    later(seconds=30)
    tasks.watch()
    return now()


def later(**by: float) -> None:
    """Let time pass for what the watch remembers."""
    moves = ", ".join(f"{name} = {name} - %(by)s" for name in _INSTANTS)
    with pool().connection() as conn:
        conn.execute(f"UPDATE oversight_watch SET {moves}", {"by": timedelta(**by)})


def forget() -> None:
    """Nobody ever looked."""
    ask("DELETE FROM oversight_watch RETURNING 1")


def make_well() -> None:
    """Nothing is late or forgotten, whatever earlier tests left behind; and nobody ever looked."""
    due.run(EXPIRE, expire_due)
    ask("DELETE FROM core_due WHERE due_at < clock_timestamp() AND kind <> %s RETURNING 1", EXPIRE)
    looks()
    forget()


def take_away(request: UUID) -> None:
    """The fault: a pending request loses the promise of its deadline."""
    assert (
        len(
            ask(
                "DELETE FROM core_due WHERE subject = %s AND kind = %s RETURNING 1", request, EXPIRE
            )
        )
        == 1
    )


def promised(request: UUID) -> list[Any]:
    """When its deadline is promised for: one, if all is well."""
    return [
        row[0]
        for row in ask(
            "SELECT due_at FROM core_due WHERE subject = %s AND kind = %s", request, EXPIRE
        )
    ]


def looks() -> list[Any]:
    """What a look finds now, of all kinds of the product."""
    with pool().connection() as conn:
        return look.look(conn, HANDLERS)
