"""The demo's input: 112 runs of a customer-service agent (demo/data/README.md), as steps and requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parent / "data" / "retail_runs.jsonl"

#: Calls that change something, by the action that the policy knows them as.
ACTIONS: Final = {
    "return_delivered_order_items": "orders.return",
    "exchange_delivered_order_items": "orders.exchange",
    "modify_pending_order_items": "orders.change_items",
    "cancel_pending_order": "orders.cancel",
    "modify_pending_order_address": "orders.change_address",
    "modify_pending_order_payment": "orders.change_payment",
    "modify_user_address": "customers.change_address",
}
#: Handing over to a person is a question to people.
QUESTION: Final = "transfer_to_human_agents"
_ADDRESS: Final = ("address1", "address2", "city", "state", "zip", "country")
_KEPT: Final = {
    "order_id": "order",
    "item_ids": "item_ids",
    "new_item_ids": "new_item_ids",
    "payment_method_id": "payment_method",
    "reason": "reason",
    "user_id": "customer",
}
_FACTS: Final = ("customer", "items", "amount", "currency", "difference")


@dataclass(frozen=True)
class Call:
    """One tool call of a run: ``kind`` is read, change or question."""

    number: int
    kind: str
    tool: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One run: what the customer wants, and the calls that resolve it."""

    run: str
    reason: str
    calls: tuple[Call, ...]


def load(path: Path = DATA) -> list[Case]:
    """All runs of a file, in its order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_case(json.loads(line)) for line in lines if line]


def _case(told: Mapping[str, Any]) -> Case:
    calls = tuple(_call(number, one) for number, one in enumerate(told["actions"], 1))
    return Case(told["run"], told["reason"], calls)


def _call(number: int, told: Mapping[str, Any]) -> Call:
    tool, arguments = told["name"], told["arguments"]
    if tool == QUESTION:
        return Call(number, "question", tool, "", {"summary": arguments["summary"]})
    if tool not in ACTIONS:
        return Call(number, "read", tool, "", dict(arguments))
    payload = {new: arguments[old] for old, new in _KEPT.items() if old in arguments}
    # What the shop's own system knows of the order: so that rules can speak of money.
    facts = told.get("facts", {})
    payload |= {name: facts[name] for name in _FACTS if name in facts}
    if "address1" in arguments:
        payload["address"] = ", ".join(arguments[part] for part in _ADDRESS if arguments.get(part))
    return Call(number, "change", tool, ACTIONS[tool], payload)
