"""Waiting calls: woken by the end, by time, by the death of their key; never left hanging."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest
import requests
from django.db import connections

from agents.services import revoke_key
from core.nudge import nudger
from core.problems import TYPE_PREFIX
from people.services import deactivate_person
from people.signing_out import end_sessions
from tests.api.tenant import Tenant
from tests.factories import ACTOR, KeyFactory, bearer


def wait(tenant: Tenant, request: dict[str, Any], seconds: int = 30) -> Any:
    return tenant.later("GET", f"/requests/{request['id']}?wait={seconds}")


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


def test_a_waiting_submit_outlasts_the_first_of_two_votes(tenant: Tenant) -> None:
    body = {"action": "mail.pair", "payload": {}}
    waiting = tenant.later("POST", "/requests", json=body, headers={"Prefer": 'wait="30"'})
    tenant.server.until_parked(1)
    one, two = tenant.person(tenant.one), tenant.person(tenant.two)
    (found,) = one.call("GET", "/inbox").json()["results"]
    assert one.decide(found).json()["status"] == "pending"
    time.sleep(0.3)
    assert not waiting.done()
    assert two.decide(found).json()["status"] == "approved"
    assert waiting.result(5).json()["status"] == "approved"


def test_what_policy_decides_does_not_wait(tenant: Tenant) -> None:
    for action, status in (("mail.read", "approved"), ("mail.burn", "rejected")):
        body = {"action": action, "payload": {}}
        answer = tenant.call(
            "POST", "/requests", json=body, headers={"Prefer": "wait=55"}, timeout=5
        )
        assert answer.json()["status"] == status


def test_time_that_is_up(tenant: Tenant) -> None:
    request = tenant.submit()
    began = time.monotonic()
    answer = tenant.call("GET", f"/requests/{request['id']}?wait=1")
    assert answer.status_code == 200
    assert answer.json()["status"] == "pending"
    assert 0.9 < time.monotonic() - began < 2.5
    assert tenant.call("GET", f"/requests/{request['id']}?wait=0").status_code == 200
    for bad in ("56", "-1", "x", "1.5", "٣", ""):
        answer = tenant.call("GET", f"/requests/{request['id']}?wait={bad}")
        assert answer.status_code == 422, bad


def test_any_of_many(tenant: Tenant) -> None:
    asked = [tenant.submit() for _ in range(3)]
    ids = [request["id"] for request in asked]
    waiting = tenant.later("POST", "/requests/wait", json={"ids": [*ids, ids[0]], "timeout": 30})
    tenant.server.until_parked(1)
    assert tenant.person().decide(asked[1], "reject").status_code == 200
    found = waiting.result(5).json()["results"]
    assert [item["id"] for item in found] == ids
    assert [item["status"] for item in found] == ["pending", "rejected", "pending"]
    at_once = tenant.call("POST", "/requests/wait", json={"ids": ids}, timeout=5)
    assert at_once.json()["results"][1]["status"] == "rejected"
    bodies: list[dict[str, Any]] = [
        {"ids": []},
        {"ids": ids * 34},
        {"ids": ids, "timeout": 56},
        {"ids": ["x"]},
        {},
    ]
    for bad in bodies:
        assert tenant.call("POST", "/requests/wait", json=bad).status_code == 422


def test_a_key_revoked_while_its_call_waits(tenant: Tenant) -> None:
    request = tenant.submit()
    other = KeyFactory(agent=tenant.agent)
    waiting = [wait(tenant, request) for _ in range(3)]
    spared = tenant.later("GET", f"/requests/{request['id']}?wait=30", headers=bearer(other.token))
    tenant.server.until_parked(4)
    revoke_key(actor=ACTOR, workspace=tenant.workspace, key_id=tenant.key.key.id)
    began = time.monotonic()
    for one in waiting:
        answer = one.result(3)
        assert answer.status_code == 401
        assert answer.json()["type"] == TYPE_PREFIX + "key_ended"
    assert time.monotonic() - began < 1.2
    assert not spared.done()
    assert tenant.person().decide(request).status_code == 200
    assert spared.result(5).json()["status"] == "approved"


def test_a_key_that_expires_while_its_call_waits(tenant: Tenant) -> None:
    waiting = wait(tenant, tenant.submit())
    tenant.server.until_parked(1)
    with connections[
        "owner"
    ].cursor() as cursor:  # nobody is told: the look of each second finds it
        cursor.execute(
            "UPDATE agents_key SET expires_at = clock_timestamp() WHERE id = %s",
            [tenant.key.key.id],
        )
    answer = waiting.result(3)
    assert answer.status_code == 401


def test_a_lost_hint_is_found_in_a_round(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    request = tenant.submit()
    waiting = wait(tenant, request)
    tenant.server.until_parked(1)
    monkeypatch.setattr(type(nudger), "wake", lambda self, *topics: None)
    assert tenant.person().decide(request).status_code == 200
    assert waiting.result(13).json()["status"] == "approved"


def test_a_lost_connection_is_made_again(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    request = tenant.submit()
    waiting = wait(tenant, request)
    tenant.server.until_parked(1)
    monkeypatch.setattr(type(nudger), "wake", lambda self, *topics: None)
    assert tenant.person().decide(request).status_code == 200
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN assentry_wake%'"
        )
    assert waiting.result(3).json()["status"] == "approved"


def test_one_who_leaves_is_forgotten(tenant: Tenant) -> None:
    request = tenant.submit()
    head = f"Host: x\r\nAuthorization: {tenant.headers['Authorization']}\r\n\r\n"
    conn = socket.create_connection(tenant.server.address)
    conn.sendall(f"GET /api/v1/requests/{request['id']}?wait=50 HTTP/1.1\r\n{head}".encode())
    tenant.server.until_parked(1)
    conn.close()
    tenant.server.until_parked(0)


def test_a_decision_before_the_parking_is_not_missed(tenant: Tenant) -> None:
    """Decisions race with waits; each wait must return the end, whichever came first."""
    reviewer = tenant.person()
    for _ in range(20):
        request = tenant.submit()
        waiting = wait(tenant, request, 20)
        assert reviewer.decide(request).status_code == 200
        began = time.monotonic()
        assert waiting.result(5).json()["status"] == "approved"
        assert time.monotonic() - began < 2


class Events:
    """An open stream, read line by line."""

    def __init__(self, answer: requests.Response) -> None:
        self._lines = answer.iter_lines(chunk_size=1)

    def next(self) -> str:
        """The name of the next event; "" at the end."""
        for line in self._lines:
            if line.startswith(b"event: "):
                return str(line[7:], "utf-8")
        return ""


def test_the_inbox_says_when_it_changed(tenant: Tenant) -> None:
    reviewer = tenant.person()
    path = f"/inbox/events?workspace={tenant.workspace.slug}"
    answer = reviewer.call("GET", path, stream=True)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    events = Events(answer)
    assert events.next() == "ready"
    request = tenant.submit()
    assert events.next() == "inbox"
    assert reviewer.decide(request).status_code == 200
    assert events.next() == "inbox"
    answer.close()
    tenant.server.until_parked(0)
    assert reviewer.call("GET", "/inbox/events?workspace=no-such").status_code == 404


@pytest.mark.parametrize("how", ["signed out", "sessions ended", "deactivated"])
def test_a_stream_ends_with_its_session(tenant: Tenant, how: str) -> None:
    reviewer = tenant.person()
    events = Events(reviewer.call("GET", "/inbox/events", stream=True))
    assert events.next() == "ready"
    match how:
        case "signed out":
            cookies = requests.utils.dict_from_cookiejar(reviewer.http.cookies)
            requests.delete(
                f"{tenant.server.api}/session",
                cookies=cookies,
                headers={"X-CSRFToken": cookies["csrftoken"]},
                timeout=5,
            )
        case "sessions ended":
            end_sessions(user=tenant.one.user)
        case _:
            deactivate_person(actor=ACTOR, person=tenant.one)
    began = time.monotonic()
    while (name := events.next()) == "inbox":
        pass
    assert name == "end"
    assert time.monotonic() - began < 1.3


def test_the_django_views_wait_too(tenant: Tenant) -> None:
    """Plain WSGI: the same functions, each waiting in a thread of its own."""
    from django.test import Client

    client = Client(headers={"authorization": tenant.headers["Authorization"]})
    request = tenant.submit()
    began = time.monotonic()
    answer = client.get(f"/api/v1/requests/{request['id']}?wait=1")
    assert answer.json()["status"] == "pending"
    assert time.monotonic() - began > 0.9
    assert tenant.person().decide(request).status_code == 200
    body = json.dumps({"ids": [request["id"]]})
    answer = client.post("/api/v1/requests/wait", body, content_type="application/json")
    assert answer.json()["results"][0]["status"] == "approved"
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_what_waits_for_the_agent_is_not_waited_for(tenant: Tenant) -> None:
    """It was given back before the agent began to wait: it is the agent's turn, and no news comes."""
    given, other = tenant.submit(), tenant.submit()
    assert tenant.person().decide(given, "return", comment="Why?").status_code == 200
    began = time.monotonic()
    answer = tenant.call("GET", f"/requests/{given['id']}?wait=20")
    assert answer.json()["waiting_on"] == "agent"
    body = {"ids": [other["id"], given["id"]], "timeout": 20}
    found = tenant.call("POST", "/requests/wait", json=body).json()["results"]
    assert [one["waiting_on"] for one in found] == ["people", "agent"]
    assert time.monotonic() - began < 5
