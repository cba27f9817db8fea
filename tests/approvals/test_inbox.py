"""How the inbox looks for past requests: what it asks the database, and that it finds them whichever way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from types import SimpleNamespace
from typing import Any

import pytest

from approvals import inbox
from approvals.filters import Filters
from approvals.models import Request
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


def look_at(monkeypatch: pytest.MonkeyPatch, near: int, far: int) -> None:
    """How many of the last ended are looked at by their order."""
    monkeypatch.setattr("approvals.inbox._NEAR", near)
    monkeypatch.setattr("approvals.inbox._FAR", far)


def ended(world: World, count: int, *, amounts: Sequence[int] = (1,)) -> list[Any]:
    """So many that ended, with these amounts in turns; the last first."""
    asked = [world.submit(payload={"amount": amount}) for amount in islice(cycle(amounts), count)]
    for one in asked:
        world.decide("ana", one, "approve")
    return [uuid_of(one) for one in reversed(asked)]


def past(world: World, *, who: str = "ana", **said: str) -> list[Any]:
    chosen = Filters.of({"state": ["past"], **{name: [value] for name, value in said.items()}})
    found = inbox.find(reader=world.reader(who), order="ended", chosen=chosen)
    return [row.id for row in found.items]


def test_where_every_past_one_was_looked_at_they_are_not_looked_for_again(
    world: World, heard: Heard
) -> None:
    asked = ended(world, 3)
    assert past(world) == asked
    assert past(world, q="nowhere") == []
    assert len(heard._said) == 4, "one that looks, and one that sees whether there are more"


@pytest.mark.parametrize("words", [{}, {"q": "refund"}, {"action": "payments.*"}])
def test_what_lies_beyond_those_that_are_looked_at_is_found(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch, words: dict[str, str]
) -> None:
    look_at(monkeypatch, 2, 4)
    asked = ended(world, 3)
    assert past(world, **words) == asked
    assert len(heard._said) == 3
    assert past(world, **words, ended="1h") == asked


@pytest.mark.parametrize(("limit", "farther"), [(3, True), (4, False)])
def test_it_looks_farther_only_where_that_promises_a_full_page(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch, limit: int, *, farther: bool
) -> None:
    look_at(monkeypatch, 4, 8)
    asked = ended(world, 10, amounts=[5, 7])
    chosen = Filters(state=("past",), q="7")
    found = inbox.find(reader=world.reader("ana"), chosen=chosen, limit=limit)
    assert [row.id for row in found.items] == asked[::2][:limit]
    assert found.next is not None
    looks = [one for one in heard._said if "agents_agent" in one]
    assert ["LIMIT 4)" in one for one in looks] == [True, False]
    assert ("LIMIT 8)" in looks[-1]) == farther


def test_whatever_lets_somebody_see_a_past_request_finds_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ended(world, 4)
    told, begun = asked[1:3]
    assert past(world, who="ben") == []
    ben = world.people["ben"].id
    Request.objects.filter(id=told).update(told=[world.people["olivia"].id, ben])
    Request.objects.filter(id=begun).update(initiator_id=ben)
    for near, far in ((4_000, 20_000), (1, 1)):  # among the last, and by their indexes
        look_at(monkeypatch, near, far)
        assert past(world, who="ben") == [told, begun]
        assert past(world, who="olivia") == past(world) == asked
    world.away("ana", "ben")
    for near, far in ((4_000, 20_000), (1, 1)):
        look_at(monkeypatch, near, far)
        assert past(world, who="ben") == asked


def test_only_the_views_that_are_asked_for_are_counted(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def lent() -> Iterator[Heard]:
        with db.pool().connection() as conn:
            yield Heard(conn, heard._said, heard._plans)

    monkeypatch.setattr("approvals.inbox.pool", lambda: SimpleNamespace(connection=lent))
    world.submit()
    assert inbox.count(reader=world.reader("ana"), views=["mine"]) == {"mine": 1}
    assert inbox.count(reader=world.reader("ana"), views=["roles", "all"]) == {"roles": 1, "all": 1}
    assert [one.count("AS few") for one in heard._said] == [1, 2]


def test_whether_there_are_more_is_seen_in_an_index_alone(world: World, heard: Heard) -> None:
    ended(world, 1)
    for said in ({}, {"ended": "7d"}):
        past(world, **said)
        assert "Index Only Scan using request_ended on" in heard._plans[-1], heard._plans[-1]


def test_when_it_ended_bounds_what_is_read(world: World, heard: Heard) -> None:
    asked = ended(world, 1)
    assert past(world, ended="7d") == asked
    for plan in heard._plans:
        [bound] = [line for line in plan.splitlines() if "ended_at >=" in line]
        assert "Index Cond" in bound, plan


@pytest.mark.parametrize("word", ["ÄRGER", "Straße", "ОБРАЗЕЦ", "Refund", "1"])
def test_words_are_found_in_any_case(world: World, word: str) -> None:
    world.policy["actions"]["payments.refund"]["show"] = "Refund: {payload.amount}"
    world.apply()
    request = world.submit(payload={"amount": f"1 {word} 2"})
    world.decide("ana", request, "approve")
    for said in (word, word.lower()):
        assert past(world, q=said) == [uuid_of(request)], said
