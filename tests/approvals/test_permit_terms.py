"""What an approval is worth: frozen with the plan, and shown with the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.frozen import FrozenPermit, decode
from approvals.models import Revision
from tests.approvals.world import World, uuid_of

DEFAULTS = {"valid_for_s": 900, "use_by_s": 86_400, "result_within_s": 3_600}
STAGES = [{"any_of": ["lead"]}]


def world(**rule: Any) -> World:
    name = {"name": "Refunds", "action": "payments.refund"}
    return World({"lead": ["ana", "ben"]}, [name | rule] if rule else [])


def stored(request: dict[str, Any]) -> bytes:
    return bytes(Revision.objects.get(request_id=uuid_of(request)).plan)


@pytest.mark.parametrize(
    ("rule", "status", "terms"),
    [
        ({}, "pending", {}),
        ({"effect": "allow"}, "approved", {}),
        (
            {"effect": "allow", "permit": {"use_by": "2h"}},
            "approved",
            {"use_by_s": 7_200},
        ),
        (
            {
                "effect": "ask",
                "ask": {"stages": STAGES, "permit": {"valid_for": "90s", "result_within": "1d"}},
            },
            "pending",
            {"valid_for_s": 90, "result_within_s": 86_400},
        ),
        ({"effect": "deny"}, "rejected", {}),
    ],
)
def test_the_plan_of_a_request_shows_what_its_approval_is_worth(
    rule: dict[str, Any], status: str, terms: dict[str, int]
) -> None:
    here = world(**rule)
    request = here.submit()
    assert (request["status"], request["plan"]["permit"]) == (status, DEFAULTS | terms)
    assert decode(stored(request)).permit == FrozenPermit(**DEFAULTS | terms)


def test_a_new_policy_changes_the_terms_of_no_pending_request() -> None:
    here = world(effect="ask", ask={"stages": STAGES, "permit": {"valid_for": "1m"}})
    request = here.submit()
    here.policy["rules"][0]["ask"]["permit"] = {"valid_for": "2m"}
    here.apply()
    assert here.seen("ana", request)["plan"]["permit"] == DEFAULTS | {"valid_for_s": 60}
    revised = here.revise(request, amount=21)
    assert revised["plan"]["permit"] == DEFAULTS | {"valid_for_s": 120}


def test_a_question_has_the_defaults() -> None:
    assert world().ask()["plan"]["permit"] == DEFAULTS


def test_a_plan_that_was_stored_without_a_permit_has_the_defaults() -> None:
    plan = json.loads(stored(world().submit()))
    del plan["permit"]
    assert decode(json.dumps(plan).encode()).permit == FrozenPermit(**DEFAULTS)
