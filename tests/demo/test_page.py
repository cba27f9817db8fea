"""The demo's page: it shows what ran as text, and finds what ran without its yes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from assentry import AssentryError, Client, digest

from demo import agent, page
from demo.account import Account, account
from demo.cases import Call, Case
from demo.shop import Effect, Shop
from tests.pages.browser import parse

HOSTILE = "<script>alert(1)</script> & more"


def case_of(number: int, amount: float) -> Case:
    payload = {
        "order": '"><img src=x>',
        "customer": "<b>eve</b>",
        "items": ["<script>"],
        "amount": amount,
        "currency": "USD",
        "item_ids": [],
        "payment_method": "card",
    }
    call = Call(1, "change", "return_delivered_order_items", "orders.return", payload)
    return Case(f"run-<i>{number}</i>", HOSTILE, (call,))


class Shown:
    """A page over one effect that policy allowed and one return that it refused."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client, self.cases = client, [case_of(1, 20), case_of(2, 4001)]
        self.shop, self.ledger = Shop(folder / "ledger"), folder / "ledger"
        agent.work(client, self.shop, self.cases)
        self.served = page.serve(self.look, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.served.server_address[1]}"

    def look(self) -> Account:
        effects = self.shop.effects()
        return account([one.request for one in self.client.list()], effects, self.cases)

    def get(self, path: str = "/", **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=10)

    def add(self, effect: Effect) -> None:
        with self.ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(effect)) + "\n")


@pytest.fixture
def shown(client: Client, tmp_path: Path) -> Iterator[Shown]:
    made = Shown(client, tmp_path)
    yield made
    made.served.shutdown()
    made.served.server_close()


def test_it_says_what_ran_and_shows_hostile_text_as_text(shown: Shown) -> None:
    answer = shown.get()
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    tree = parse(answer.text)
    assert "Nothing ran without its yes." in tree.text
    assert HOSTILE in tree.text
    assert "run-<i>1</i>" in tree.text
    assert not [node for tag in ("script", "i", "img", "b") for node in _foreign(tree, tag)]
    [effect] = shown.shop.effects()
    [row] = tree.one("table", id="ran").one("tbody").all("tr")
    assert row.one("code").text == effect.request
    assert row.one("a").attributes["href"].endswith(f"/requests/{effect.request}")
    clock = effect.at[11:19]
    assert [cell.text for cell in row.all("td")[1:]] == ["allowed by policy", "policy", clock]
    assert row.one("time").attributes["title"] == effect.at
    [rest] = tree.one("table", id="rest").one("tbody").all("tr")
    assert [cell.text for cell in rest.all("td")[1:]] == ["refused by policy", "policy"]
    assert not tree.all("table", id="wrong")


def test_who_said_yes_is_named_once(client: Client, people: None, tmp_path: Path) -> None:
    shop, cases = Shop(tmp_path / "ledger"), [case_of(number, 500) for number in range(3, 12)]
    agent.work(client, shop, cases)
    told = account([one.request for one in client.list()], shop.effects(), cases)
    tree = parse(page.render(told))
    rows = tree.one("table", id="ran").one("tbody").all("tr")
    decided = [[cell.text for cell in row.all("td")[1:3]] for row in rows]
    assert decided
    assert {outcome for outcome, _ in decided} == {"approved"}
    assert {who for _, who in decided} <= {"Ana Support", "Ben Support"}


def _foreign(tree: Any, tag: str) -> list[Any]:
    """Elements that the page itself does not write: it writes <b> around its own words alone."""
    return [node for node in tree.all(tag) if tag != "b" or "eve" in node.text]


def test_it_has_the_same_as_json_and_nothing_else(shown: Shown) -> None:
    told = shown.get("/report.json").json()
    assert told["holds"] is True
    assert told["counts"] == {"allowed by policy": 1, "refused by policy": 1, "ran": 1}
    assert told["sums"]["effects"] == told["sums"]["refused"] == 1
    assert [line["basis"] for line in told["lines"]] == ["policy", "policy"]
    assert shown.get("/style.css").headers["Content-Type"] == "text/css; charset=utf-8"
    assert shown.get("/none").status_code == 404
    assert requests.post(shown.url, timeout=10).status_code == 501


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("nobody", "the server knows no such request"),
        ("refused", "the request is rejected"),
        ("other action", "approved was orders.return"),
        ("other payload", "approved was another payload"),
        ("other payload below the digest", "its payload is not what its digest says"),
        ("twice", "it ran before"),
    ],
)
def test_what_ran_without_its_yes_is_found(shown: Shown, how: str, why: str) -> None:
    [good] = shown.shop.effects()
    changed = {**good.payload, "amount": 21}
    [refused] = [one for one in shown.client.list() if one.status == "rejected"]
    forged = {
        "nobody": replace(good, request="req_01h455vb4pex5vsknk084sn02q"),
        "refused": Effect(
            refused.id, "orders.return", refused.request.payload_digest, refused.payload, good.at
        ),
        "other action": replace(good, action="orders.cancel"),
        "other payload": replace(good, payload=changed, payload_digest=digest(changed)),
        "other payload below the digest": replace(good, payload=changed),
        "twice": good,
    }[how]
    if "other" in how:
        shown.ledger.write_text("")
    shown.add(forged)
    tree = parse(shown.get().text)
    assert "1 effects have no yes to exactly what ran." in tree.text
    assert "Nothing ran without its yes." not in tree.text
    [row] = tree.one("table", id="wrong").one("tbody").all("tr")
    assert [cell.text for cell in row.all("td")][:3] == [forged.request, forged.action, why]
    told = shown.get("/report.json").json()
    assert (told["holds"], told["sums"]["effects without their yes"]) == (False, 1)


def test_what_is_reported_but_did_not_run_is_found(shown: Shown) -> None:
    shown.ledger.write_text("")  # the agent has told the server that it ran
    tree = parse(shown.get().text)
    assert "reported as done that the shop's ledger does not know" in tree.text
    sums = shown.get("/report.json").json()["sums"]
    assert sums["reported as done, not in the ledger"] == sums["approved, not run yet"] == 1


@pytest.mark.parametrize("host", ["shop.evil.example", "127.0.0.1.evil.example:1", "[bad", ""])
def test_a_name_that_was_made_to_point_here_reads_nothing(shown: Shown, host: str) -> None:
    for path in ("/", "/report.json"):
        answer = shown.get(path, Host=host)
        assert (answer.status_code, "req_" in answer.text) == (403, False)
    port = shown.served.server_address[1]
    assert shown.get(Host=f"localhost:{port}").status_code == 200


def test_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    def look() -> Account:
        raise AssentryError("it is <away>")

    served = page.serve(look, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{served.server_address[1]}/"
        answer = requests.get(url, timeout=10)
    finally:
        served.shutdown()
        served.server_close()
    assert answer.status_code == 503
    tree = parse(answer.text)
    assert "The server did not say: it is <away>" in tree.text
    assert tree.one("meta", http_equiv="refresh").attributes["content"] == str(page.REFRESH_S)
