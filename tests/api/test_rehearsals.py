"""Rehearsals over HTTP: of a request for whoever may see it, of a draft for whoever is signed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from core import ids
from policies.services import apply
from tests.api.tenant import Tenant
from tests.factories import ACTOR, PersonFactory
from tests.notifications.mail_desk import posting
from tests.server import Live

POLICY = """
assentry: 1
fallback: reviewers
roles:
  reviewers: {{title: Reviewers, members: [{one}]}}
  leads: {{title: Leads, members: [{two}, {owner}]}}
actions:
  mail.send: {{title: "Send a mail", risk: medium, schema: {{type: object, required: [to]}}}}
  mail.read: {{title: "Read a mail"}}
rules:
  - {{name: Reading is free, action: mail.read, effect: allow}}
  - {{name: Ask, action: mail.send, effect: ask, ask: {{stages: [{{any_of: [reviewers]}}], expires_in: 4h, on_expiry: "ask:leads", escalation: up}}}}
escalations:
  up: [{{after: 1h, notify: role:leads}}]
"""


@pytest.fixture
def tenant(server: Live, settings: Settings) -> Iterator[Tenant]:
    """A workspace whose people are told by mail."""
    found = Tenant(server)
    people = {name: getattr(found, name).user.email for name in ("one", "two", "owner")}
    apply(actor=ACTOR, workspace=found.workspace, text=POLICY.format(**people))
    with posting(settings):
        yield found


def draft(tenant: Tenant, **more: Any) -> dict[str, Any]:
    agent = ids.encode("agt", tenant.agent.id)
    return {"action": "mail.send", "payload": {"to": "x"}, "agent": agent} | more


def lines(answer: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(one["said"], [who["name"] for who in one["people"]]) for one in answer["moments"]]


def test_a_draft_and_the_request_that_comes_of_it(tenant: Tenant) -> None:
    ned = tenant.person(tenant.two)
    answer = ned.call("POST", "/rehearsals", json=draft(tenant))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    one, two, owner = (person.name for person in (tenant.one, tenant.two, tenant.owner))
    expected = [
        ("Asks Reviewers", [one]),
        ("Tells Leads", sorted([two, owner])),
        ("The time is up: asks Leads in their place", [two]),
        ("Tells Leads", sorted([two, owner])),
        ("Nobody has decided: it expires", []),
    ]
    assert lines(told) == expected
    begin = datetime.fromisoformat(told["begin"])
    gone = [datetime.fromisoformat(moment["at"]) - begin for moment in told["moments"]]
    assert gone == [timedelta(hours=hours) for hours in (0, 1, 4, 5, 8)]
    assert (told["effect"], told["rule"], told["risk"]) == ("ask", "Ask", "medium")
    step = told["moments"][1]
    assert (step["what"], step["step"], step["stage"], step["target"], step["roles"]) == (
        "notify", 0, 0, "role:leads", ["Leads"],
    )  # fmt: skip
    request = tenant.submit()
    path = f"/requests/{request['id']}/rehearsal"
    assert lines(tenant.person(tenant.one).call("GET", path).json()) == expected
    stranger = tenant.person(PersonFactory(workspace=tenant.workspace))
    assert stranger.call("GET", path).status_code == 404
    assert tenant.call("GET", path).status_code == 403
    assert tenant.person(tenant.one).decide(request, "reject").status_code == 200
    ended = tenant.person(tenant.one).call("GET", path)
    assert (ended.status_code, ended.json()["type"].rpartition(":")[2]) == (409, "request_ended")


def test_nobody_is_asked_where_policy_answers_itself(tenant: Tenant) -> None:
    body = draft(tenant, action="mail.read", payload={})
    told = tenant.person().call("POST", "/rehearsals", json=body).json()
    assert lines(told) == [("The policy allows it: nobody is asked", [])]


def test_when_it_is_submitted_and_how_long_it_may_wait(tenant: Tenant) -> None:
    begin = tenant.person().call("POST", "/rehearsals", json=draft(tenant)).json()["begin"]
    later = datetime.fromisoformat(begin) + timedelta(days=30)
    body = draft(tenant, at=later.isoformat(), expires_in="2h")
    told = tenant.person().call("POST", "/rehearsals", json=body).json()
    assert datetime.fromisoformat(told["begin"]) == later
    assert [moment["what"] for moment in told["moments"]] == ["asked", "notify", "expired"]
    last = datetime.fromisoformat(told["moments"][-1]["at"])
    assert last == later + timedelta(hours=2)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"agent": "agt_nobody"}, "/agent"),
        ({"agent": ids.encode("agt", ids.uuid7())}, "/agent"),
        ({"action": "mail.burn"}, "/action"),
        ({"payload": {}}, "/payload/to"),
        ({"at": "tomorrow"}, "/at"),
        ({"at": "2026-12-24T03:00:00"}, "/at"),
        ({"at": "0001-01-01T00:00:00+23:59"}, "/at"),
        ({"at": "9999-12-31T23:59:59-23:59"}, "/at"),
        ({"expires_in": "soon"}, "/expires_in"),
    ],
)
def test_what_cannot_be_rehearsed_is_said(
    tenant: Tenant, change: dict[str, Any], pointer: str
) -> None:
    refused = tenant.person().call("POST", "/rehearsals", json=draft(tenant, **change))
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"].startswith(pointer[:8])


def test_another_workspace_s_agent_is_no_agent(tenant: Tenant, server: Live) -> None:
    other = Tenant(server)
    refused = other.person().call("POST", "/rehearsals", json=draft(tenant))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/agent")
