"""The shop: once for each request, over threads, processes and crashes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from demo.shop import Effect, Shop
from tests.together import together


def do(shop: Shop, request: str, amount: int = 5) -> Effect:
    return shop.do(request=request, action="orders.return", payload={"amount": amount}, digest="d")


def test_it_does_a_thing_once_and_remembers_over_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    shop = Shop(path)
    first = do(shop, "req_1")
    assert do(shop, "req_1", amount=9) == first
    with path.open("ab") as file:
        file.write(b'{"request": "req_2", "act')  # a process that died while it wrote
    after = Shop(path)
    assert after.effects() == [first]
    second = do(after, "req_2")
    assert Shop(path).effects() == [first, second]
    assert [json.loads(line)["request"] for line in path.read_text().splitlines()] == [
        "req_1",
        "req_2",
    ]


def test_a_look_at_the_ledger_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    do(Shop(path), "req_1")
    with path.open("ab") as file:
        file.write(b'{"request": "req_2"')  # somebody is writing just now
    before = path.read_bytes()
    assert len(Shop(path).effects()) == 1
    assert path.read_bytes() == before


def test_two_who_are_told_the_same_at_once_do_it_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    shops = [Shop(path) for _ in range(4)]  # each has what a process of its own would have
    for number in range(20):
        calls = [partial(do, shop, f"req_{number}") for shop in shops]
        assert len({effect.at for effect in together(calls)}) == 1
    assert [effect.request for effect in Shop(path).effects()] == [f"req_{n}" for n in range(20)]
