"""One submission tried on a document that need not be active: what would come of it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from core.canonical import canonical
from policies import cases, document, schema
from policies.compiled import compile_document
from policies.errors import Place
from policies.plan import Plan
from policies.terms import Case

_NOW: Final = datetime.fromisoformat(schema.DEFAULT_NOW)
_NOWHERE: Final = Place(1, 1, "")


@dataclass(frozen=True, slots=True)
class Given:
    """What is submitted; every `agent.count(…)` comes to `count`, every `agent.sum(…)` to `sum`.

    It is a Monday noon, and there is no run.
    """

    action: str
    payload: dict[str, Any]
    count: float = 0
    sum: float = 0


@dataclass(frozen=True, slots=True)
class Tried:
    """Its plan, or why there cannot be one."""

    plan: Plan | None
    refused: str = ""


def try_one(*, text: str, given: Given) -> Tried:
    """Plan a submission by a document.

    Raises:
        PolicyErrors: the document cannot be used.  Cases of its own that fail are not looked at.
    """
    policy = compile_document(document.parse(text), 0)
    case = Case(
        name=None,
        action=given.action,
        # What is evaluated is what the canonical bytes say, as at a submit.
        payload=msgspec.json.decode(canonical(given.payload)),
        agent_name="agent",
        agent_owner="owner@example.com",
        count=given.count,
        sum=given.sum,
        run=None,
        now=_NOW,
        expect={},
        place=_NOWHERE,
    )
    refused = cases.unplannable(policy, case)
    if refused is not None:
        return Tried(None, f"It would be refused: {refused}.")
    return Tried(cases.planned(policy, case))
