"""Waiting calls: woken by the end, by time, by the death of their key; never left hanging."""

from __future__ import annotations

import socket
import time

from agents.services import revoke_key
from core.nudge import nudger
from tests.api.tenant import Tenant
from tests.clock import travel
from tests.factories import ACTOR


def test_a_waiting_submit_returns_the_decision(tenant: Tenant) -> None:
    body = {"action": "mail.send", "payload": {"to": "x"}}
    waiting = tenant.later("POST", "/requests", json=body, headers={"Prefer": "wait=30"})
    tenant.server.until_parked(1)
    reviewer = tenant.person()
    (found,) = reviewer.call("GET", "/inbox").json()["results"]
    assert reviewer.decide(found).status_code == 200
    answer = waiting.result(5)
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert answer.json()["status"] == "approved"
    tenant.server.until_parked(0)
