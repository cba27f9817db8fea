"""How the inbox looks for past requests: what it asks the database, and that it finds them whichever way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from approvals import inbox
from approvals.filters import Filters
from core import db
from tests.approvals.world import World, uuid_of


class Heard:
    """A connection that keeps what it is asked."""

    def __init__(self, conn: Any, said: list[str], plans: list[str]) -> None:
        self._conn, self._said, self._plans = conn, said, plans

    def execute(self, statement: str, values: Any = None, **more: Any) -> Any:
        if values is not None and "approvals_request" in statement:
            self._said.append(statement)
            self._conn.execute("SET LOCAL enable_seqscan = off")
            plan = self._conn.execute(f"EXPLAIN (COSTS OFF) {statement}", values, prepare=False)
            self._plans.append("\n".join(row[0] for row in plan))
        return self._conn.execute(statement, values, **more)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """What was asked, and how the database goes about it."""
    said: list[str] = []
    plans: list[str] = []

    @contextmanager
    def looking() -> Iterator[Heard]:
        with db.looking() as conn:
            yield Heard(conn, said, plans)

    monkeypatch.setattr("approvals.inbox.looking", looking)
    return Heard(None, said, plans)


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana"], "others": ["ben"]}, show="Refund of {payload.amount}")


def ended(world: World, count: int) -> list[Any]:
    """So many that ended, the last first."""
    asked = [world.submit(payload={"amount": number}) for number in range(count)]
    for one in asked:
        world.decide("ana", one, "approve")
    return [uuid_of(one) for one in reversed(asked)]


def past(world: World, **said: str) -> list[Any]:
    chosen = Filters.of({"state": ["past"], **{name: [value] for name, value in said.items()}})
    found = inbox.find(reader=world.reader("ana"), order="ended", chosen=chosen)
    return [row.id for row in found.items]


def test_when_it_ended_bounds_what_is_read(world: World, heard: Heard) -> None:
    asked = ended(world, 1)
    assert past(world, ended="7d") == asked
    for plan in heard._plans:
        [bound] = [line for line in plan.splitlines() if "ended_at >=" in line]
        assert "Index Cond" in bound, plan
