"""The demo against the product: what was approved ran, once, and nothing else did."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from assentry import Client, digest

from agents.models import Run, Step
from approvals.models import Request, Result
from demo import agent, page, reviewers
from demo.account import account
from demo.cases import Call, Case, load
from demo.shop import Effect, Shop
from policies.management.commands.seed_demo import Command
from tests.pages.browser import parse
from tests.server import Live

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def seed(server: Live) -> dict[str, Any]:
    """A shop of its own, as `./up --demo` makes it."""
    return dict(Command().run(retail=True, again=False).data)


@pytest.fixture
def client(server: Live, seed: dict[str, Any]) -> Iterator[Client]:
    with Client(server.url, seed["agent_key"]) as found:
        yield found


@pytest.fixture
def people(server: Live, seed: dict[str, Any]) -> Iterator[None]:
    """The scripted reviewers, at work."""
    over = threading.Event()
    logins = [
        reviewers.Login(one["email"], one["password"])
        for one in seed["people"]
        if one["role"] != "owner"
    ]
    threads = reviewers.work(server.url, logins, over)
    yield
    over.set()
    for thread in threads:
        thread.join(10)


def mine(seed: dict[str, Any]) -> Any:
    return Request.objects.filter(workspace__slug=seed["workspace"])


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
    reads = sum(call.kind == "read" for case in cases for call in case.calls)
    runs = Run.objects.filter(workspace__slug=seed["workspace"])
    assert Step.objects.filter(run__in=runs).count() == reads
    assert set(runs.values_list("state", flat=True)) == {"succeeded"}
    agent.work(client, shop, cases, at_once=6)
    assert len(shop.effects()) == len(effects), "a second replay finds everything done"
    told = account([one.request for one in client.list()], shop.effects(), cases)
    assert told.unapproved == ()
    assert told.counts["ran"] == len(effects)


def test_killed_and_started_again_it_does_nothing_twice(
    server: Live, client: Client, seed: dict[str, Any], people: None, tmp_path: Path
) -> None:
    (tmp_path / "seed.json").write_text(json.dumps(seed), encoding="utf-8")
    shop = Shop(tmp_path / "demo" / "ledger.jsonl")
    for kill_at in (3, 8, 15):
        process = start(server, tmp_path)
        until = time.monotonic() + 60
        while len(shop.effects()) < kill_at:
            assert time.monotonic() < until
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    effects = shop.effects()
    assert len({effect.request for effect in effects}) == len(effects)
    told = account([one.request for one in client.list()], effects, load())
    assert told.unapproved == ()
    runs = Run.objects.filter(workspace__slug=seed["workspace"])
    assert runs.values("external_id").distinct().count() == runs.count()
    keys = mine(seed).values_list("idempotency_key", flat=True)
    assert len(set(keys)) == len(keys), "no call was asked for twice"


def start(server: Live, folder: Path) -> subprocess.Popen[bytes]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}
    words = ["--url", server.url, "--seed", str(folder / "seed.json"), "--port", str(port)]
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *words, "--folder", str(folder / "demo")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )


class TestThePage:
    @pytest.fixture
    def url(self, client: Client, people: None, tmp_path: Path) -> Iterator[str]:
        payload = {
            "order": "#W1",
            "customer": "<b>eve</b>",
            "items": ["<script>"],
            "amount": 20,
            "currency": "USD",
            "item_ids": [],
            "payment_method": "card",
        }
        call = Call(1, "change", "return_delivered_order_items", "orders.return", payload)
        case = Case("run-<i>1</i>", "<script>alert(1)</script> & more", (call,))
        self.shop = Shop(tmp_path / "ledger")
        agent.work(client, self.shop, [case])

        def look() -> Any:
            effects = self.shop.effects()
            return account([one.request for one in client.list()], effects, [case])

        served = page.serve(look, "127.0.0.1", 0)
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        served.server_close()

    def test_it_says_what_ran_and_shows_hostile_text_as_text(self, url: str) -> None:
        answer = requests.get(f"{url}/", timeout=10)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        tree = parse(answer.text)
        assert "Nothing ran without its yes." in tree.text
        assert "<script>alert(1)</script> & more" in tree.text
        assert not tree.all("script")
        assert not tree.all("i")
        assert "allowed by policy" in tree.one("table").text
        told = requests.get(f"{url}/report.json", timeout=10).json()
        assert told["counts"] == {"allowed by policy": 1, "ran": 1}
        assert requests.get(f"{url}/none", timeout=10).status_code == 404

    @pytest.mark.parametrize("how", ["nobody", "other payload", "other action"])
    def test_what_ran_without_its_yes_is_found(self, url: str, how: str, tmp_path: Path) -> None:
        [effect] = self.shop.effects()
        forged = {
            "nobody": Effect("req_01h455vb4pex5vsknk084sn02q", effect.action, "d", {}, effect.at),
            "other payload": Effect(effect.request, effect.action, "sha256:0", {}, effect.at),
            "other action": Effect(
                effect.request, "orders.cancel", effect.payload_digest, {}, effect.at
            ),
        }[how]
        with (tmp_path / "ledger").open("a", encoding="utf-8") as file:
            names = ("request", "action", "payload_digest", "payload", "at")
            file.write(json.dumps({name: getattr(forged, name) for name in names}) + "\n")
        answer = requests.get(f"{url}/", timeout=10)
        assert "1 effects have no yes to exactly what ran." in parse(answer.text).text
        assert len(requests.get(f"{url}/report.json", timeout=10).json()["unapproved"]) == 1
