"""The demo against the product: what was approved ran, once, and nothing else did."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assentry import Client, digest

from agents.models import Run, Step
from approvals.ends import EXPIRE
from approvals.models import Request, Result
from core import due
from demo import agent
from demo.account import account
from demo.cases import Case, load
from demo.shop import Shop
from escalations.expiry import expire_due
from people.models import User
from people.signing_out import end_sessions
from tests.clock import travel
from tests.demo.conftest import at_work, until
from tests.server import Live


def mine(seed: dict[str, Any]) -> Any:
    return Request.objects.filter(workspace__slug=seed["workspace"])


def runs(seed: dict[str, Any]) -> Any:
    return Run.objects.filter(workspace__slug=seed["workspace"])


def test_each_effect_has_its_yes_and_each_yes_its_effect(
    client: Client, seed: dict[str, Any], people: None, tmp_path: Path
) -> None:
    shop, cases = Shop(tmp_path / "ledger"), load()[:24]
    agent.work(client, shop, cases, at_once=6)
    changes = sum(call.kind == "change" for case in cases for call in case.calls)
    stored = {row.id: row for row in mine(seed).filter(kind="request")}
    assert len(stored) == changes
    approved = {
        one.id: one.request
        for one in client.list(status="approved")
        if one.request.kind == "request"
    }
    effects = {effect.request: effect for effect in shop.effects()}
    assert effects.keys() == approved.keys()
    assert len(shop.effects()) == len(effects)
    for request_id, effect in effects.items():
        assert effect.payload_digest == approved[request_id].payload_digest
        assert effect.payload_digest == digest(effect.payload)
    outcomes = {(row.status, row.basis) for row in stored.values()}
    assert {("approved", "policy"), ("approved", "people"), ("rejected", "people")} <= outcomes
    results = Result.objects.filter(request__in=stored.values())
    assert results.count() == len(effects)
    assert set(results.values_list("status", flat=True)) == {"succeeded"}
    assert told_steps(seed) == reads(cases)
    assert set(runs(seed).values_list("state", flat=True)) == {"succeeded"}
    agent.work(client, shop, cases, at_once=6)
    assert len(shop.effects()) == len(effects), "a second replay finds everything done"
    told = account([one.request for one in client.list()], shop.effects(), cases)
    assert told.holds
    assert told.unapproved == ()
    assert told.sums == {
        "effects": len(effects),
        "effects without their yes": 0,
        "approved, not run yet": 0,
        "asked, waiting": 0,
        "refused": changes - len(effects),
        "run, not reported yet": 0,
        "reported as done, not in the ledger": 0,
    }


def reads(cases: list[Case]) -> dict[str, int]:
    """How many reading calls each case has."""
    return {case.run: sum(call.kind == "read" for call in case.calls) for case in cases}


def told_steps(seed: dict[str, Any]) -> dict[str, int]:
    """How many steps the server knows of each run, none told twice."""
    known = dict.fromkeys(runs(seed).values_list("external_id", flat=True), 0)
    stored = Step.objects.filter(run__in=runs(seed)).values_list("run__external_id", flat=True)
    return known | Counter(stored)


@contextmanager
def working(client: Client, shop: Shop, cases: list[Case]) -> Iterator[Callable[[], bool]]:
    """The agent at work beside the test; yields whether it is through."""
    thread = threading.Thread(target=agent.work, args=(client, shop, cases), daemon=True)
    thread.start()
    yield lambda: not thread.is_alive()
    thread.join(20)
    assert not thread.is_alive()


def test_what_expired_or_was_withdrawn_does_not_run(
    client: Client, seed: dict[str, Any], tmp_path: Path
) -> None:
    shop = Shop(tmp_path / "ledger")
    returns = [call for case in load() for call in case.calls if call.action == "orders.return"]
    asks = [call for call in returns if 100 < call.payload["amount"] <= 1000][:2]
    cases = [Case(f"case-{call.payload['order']}", "A return.", (call,)) for call in asks]
    pending = mine(seed).filter(status="pending")
    with working(client, shop, cases) as through:
        until(lambda: pending.count() == 2 or through())
        late, withdrawn = (one.id for one in client.list(status="pending"))
        travel(late, days=2)
        due.run(EXPIRE, expire_due)
        client.get(withdrawn).cancel("The customer rang off.")
        until(through)
    assert {one.id: one.status for one in client.list()} == {
        late: "expired",
        withdrawn: "cancelled",
    }
    assert shop.effects() == []
    assert not Result.objects.filter(request__in=mine(seed)).exists()
    told = account([one.request for one in client.list()], shop.effects(), cases)
    assert told.holds
    assert told.counts == {"expired": 1, "cancelled": 1, "ran": 0}
    assert told.sums["refused"] == 2


def test_reviewers_who_were_signed_out_sign_in_again(
    server: Live, client: Client, seed: dict[str, Any], tmp_path: Path
) -> None:
    said: list[str] = []
    shop, cases = Shop(tmp_path / "ledger"), load()[:6]
    with at_work(server.url, seed, said.append):
        agent.work(client, shop, cases[:3])
        for one in seed["people"]:
            end_sessions(user=User.objects.get(email=one["email"]))
        with working(client, shop, cases[3:]) as through:
            until(through, 20)
    assert mine(seed).filter(status="pending").count() == 0
    assert len(said) == 4, "each of them said that they began again"
    assert set(runs(seed).values_list("state", flat=True)) == {"succeeded"}
