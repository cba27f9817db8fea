"""What silence means is the policy's to say, and nothing the agent does brings it about sooner."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.ends import EXPIRE
from approvals.frozen import CUT_SHORT
from approvals.preview import preview
from core import due
from escalations.expiry import expire_due
from tests.approvals.world import World, uuid_of
from tests.clock import travel


def world(on_expiry: str) -> World:
    rule = {
        "name": "Silence",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {
            "stages": [{"any_of": ["lead"], "approvals": 2}],
            "expires_in": "1h",
            "on_expiry": on_expiry,
        },
    }
    return World({"lead": ["ana", "ben"], "boss": ["mia"]}, [rule], risk="low")


def after(here: World, request: dict[str, Any], **by: float) -> dict[str, Any]:
    travel(uuid_of(request), **by)
    due.run(EXPIRE, expire_due)
    return here.seen("ana", request)


@pytest.mark.parametrize("on_expiry", ["allow", "ask:boss"])
def test_a_shorter_life_that_the_agent_wishes_only_expires(on_expiry: str) -> None:
    here = world(on_expiry)
    request = here.submit(expires_in="1s")
    assert request["plan"]["on_expiry"] == "expire"
    assert request["plan"]["notes"] == [CUT_SHORT]
    ended = after(here, request, minutes=5)
    assert (ended["status"], ended["basis"]) == ("expired", "clock")
    body = {"action": "payments.refund", "payload": {"amount": 20}, "expires_in": "1s"}
    said = json.loads(
        preview(authorization=f"Bearer {here.key.token}", body=json.dumps(body).encode())
    )
    assert (said["on_expiry"], said["notes"]) == ("expire", [CUT_SHORT])


@pytest.mark.parametrize("expires_in", [None, "1h", "2d"])
def test_as_much_time_as_policy_gives_keeps_what_silence_means(expires_in: str | None) -> None:
    here = world("allow")
    more = {} if expires_in is None else {"expires_in": expires_in}
    request = here.submit(**more)
    assert (request["plan"]["on_expiry"], request["plan"]["notes"]) == ("allow", [])
    ended = after(here, request, minutes=61)
    assert (ended["status"], ended["basis"]) == ("approved", "clock")


@pytest.mark.parametrize("on_expiry", ["allow", "ask:boss"])
def test_a_payload_that_changed_late_is_not_waved_through(on_expiry: str) -> None:
    here = world(on_expiry)
    request = here.submit()
    travel(uuid_of(request), minutes=59)
    revised = here.revise(request, amount=21)
    assert revised["expires_at"] < request["expires_at"]
    assert (revised["plan"]["on_expiry"], revised["plan"]["notes"]) == ("expire", [CUT_SHORT])
    assert after(here, request, minutes=2)["status"] == "expired"
