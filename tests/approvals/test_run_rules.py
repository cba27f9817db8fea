"""Rules that read a run, and stages that who started it confirms: over HTTP, from report to end."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from agents.authentication import INITIATE, READ, SUBMIT
from agents.services import create_key
from approvals.models import Request
from people.services import deactivate_person
from policies.services import apply
from tests.api.tenant import Tenant
from tests.events import events_of
from tests.factories import ACTOR, AgentFactory, KeyFactory, bearer
from tests.server import Live
from tests.together import together

AT = "2026-05-04T09:30:00Z"

POLICY = """
assentry: 1
fallback: reviewers
roles:
  reviewers: {{title: Reviewers, members: [{one}, {two}]}}
  privacy: {{title: Privacy, members: [{two}]}}
actions:
  mail.send: {{risk: low}}
  mail.read: {{risk: low}}
  deploy.run: {{risk: high}}
tools:
  crm.get_customer: {{labels: [data.pii]}}
rules:
  - {{name: Privacy first, action: mail.*, when: 'run.saw("data.pii")', effect: ask, ask: {{stages: [{{any_of: [privacy]}}]}}}}
  - {{name: Three at most, action: mail.send, when: 'run.count("mail.send") >= 3', effect: deny, reason: Enough.}}
  - {{name: Too dear, action: mail.read, when: run.cost > 5 || run.tokens > 1000, effect: deny}}
  - {{name: Mail is free, action: mail.*, effect: allow}}
  - {{name: Confirm it, action: deploy.run, effect: ask, ask: {{confirm: initiator}}}}
"""


@pytest.fixture
def tenant(server: Live) -> Tenant:
    found = Tenant(server)
    text = POLICY.format(one=found.one.user.email, two=found.two.user.email)
    apply(actor=ACTOR, workspace=found.workspace, text=text)
    return found


def begin(tenant: Tenant, external_id: str = "t-1", **more: Any) -> dict[str, Any]:
    answer = tenant.call("POST", "/runs", json={"external_id": external_id, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def started_by(tenant: Tenant, person: Any) -> dict[str, Any]:
    """A run that this person is proven to have started."""
    key = create_key(actor=ACTOR, agent=tenant.agent, scopes=[SUBMIT, READ, INITIATE])
    body = {"external_id": "by-somebody", "initiator": person.user.email}
    answer = tenant.call("POST", "/runs", json=body, headers=bearer(key.token))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tell(tenant: Tenant, run: dict[str, Any], **step: Any) -> None:
    step = {"tool": "web.get", "started_at": AT, "status": "succeeded", **step}
    if "model" in step:
        del step["tool"]
    answer = tenant.call("POST", f"/runs/{run['id']}/steps", json={"steps": [step]})
    assert answer.status_code in (200, 201), answer.text


def submitted(tenant: Tenant, action: str, run: dict[str, Any] | None) -> dict[str, Any]:
    """A submission; what preview said before must be what comes of it."""
    body = {"action": action, "payload": {"to": "ana"}} | ({"run": run["id"]} if run else {})
    previewed = tenant.call("POST", "/requests/preview", json=body).json()
    found = tenant.submit(**body)
    plan = found["plan"]
    for key in ("effect", "rule", "why", "notes"):
        assert previewed[key] == plan[key]
    return found


def roles(request: dict[str, Any]) -> list[list[str]]:
    return [[role["name"] for role in stage["roles"]] for stage in request["plan"]["stages"]]


def outcome(request: dict[str, Any]) -> tuple[str, str | None, str | None]:
    return request["status"], request["basis"], request["plan"]["rule"]


# -- what a run reports ----------------------------------------------------------------------------


def test_a_label_of_a_tool_adds_its_stage(tenant: Tenant) -> None:
    run = begin(tenant)
    assert outcome(submitted(tenant, "mail.read", run)) == ("approved", "policy", "Mail is free")
    tell(tenant, run, tool="crm.get_customer")
    asked = submitted(tenant, "mail.read", run)
    assert outcome(asked) == ("pending", None, "Privacy first")
    assert roles(asked) == [["privacy"]]
    assert "matched what the run did" in asked["plan"]["why"]
    other = begin(tenant, "another")
    assert submitted(tenant, "mail.read", other)["status"] == "approved"


def test_a_label_that_the_agent_reports_adds_its_stage(tenant: Tenant) -> None:
    run = begin(tenant)
    tell(tenant, run, labels=["data.pii"])
    assert roles(submitted(tenant, "mail.send", run)) == [["privacy"]]


def test_a_run_below_carries_what_the_runs_above_it_saw(tenant: Tenant) -> None:
    top = begin(tenant, "top")
    tell(tenant, top, tool="crm.get_customer", cost=4)
    child = begin(tenant, "child", parent=begin(tenant, "middle", parent=top["id"])["id"])
    assert roles(submitted(tenant, "mail.send", child)) == [["privacy"]]
    tell(tenant, child, cost=1.5)
    assert outcome(submitted(tenant, "mail.read", child)) == ("rejected", "policy", "Too dear")


def test_what_a_run_below_saw_does_not_reach_the_one_above(tenant: Tenant) -> None:
    top = begin(tenant, "top")
    tell(tenant, begin(tenant, "child", parent=top["id"]), tool="crm.get_customer")
    assert submitted(tenant, "mail.send", top)["status"] == "approved"


def test_another_workspace_reports_nothing_here(server: Live, tenant: Tenant) -> None:
    elsewhere = Tenant(server)
    theirs = begin(elsewhere, "t-1")
    tell(elsewhere, theirs, tool="crm.get_customer")
    assert submitted(tenant, "mail.send", begin(tenant, "t-1"))["status"] == "approved"


def test_cost_and_tokens_sum_up_over_steps(tenant: Tenant) -> None:
    run = begin(tenant)
    tell(tenant, run, model="m", input_tokens=600, output_tokens=400, cost=5)
    assert submitted(tenant, "mail.read", run)["status"] == "approved"
    tell(tenant, run, model="m", output_tokens=1)
    assert outcome(submitted(tenant, "mail.read", run)) == ("rejected", "policy", "Too dear")


def test_without_a_run_nothing_is_easier(tenant: Tenant) -> None:
    found = submitted(tenant, "mail.send", None)
    assert outcome(found) == ("rejected", "policy", "Three at most")
    assert "could not be evaluated (the request names no run)" in found["plan"]["why"]


def test_the_runs_own_requests_count_and_refused_ones_do_not(tenant: Tenant) -> None:
    run = begin(tenant)
    record = {"action": "mail.send", "payload": {}, "run": run["id"]}
    assert tenant.call("POST", "/actions/record", json=record).status_code == 201
    statuses = [submitted(tenant, "mail.send", run)["status"] for _ in range(4)]
    assert statuses == ["approved", "approved", "rejected", "rejected"]


def test_a_hundred_at_once_cannot_all_be_the_first(tenant: Tenant) -> None:
    run = begin(tenant)
    together([lambda: tenant.submit("mail.send", run=run["id"])] * 12)
    found = Request.objects.filter(workspace=tenant.workspace, action="mail.send")
    assert sorted(found.values_list("status", flat=True)) == ["approved"] * 3 + ["rejected"] * 9


def test_a_revision_is_planned_by_what_the_run_did_meanwhile(tenant: Tenant) -> None:
    run = begin(tenant)
    tell(tenant, run, labels=["data.pii"])
    asked = submitted(tenant, "mail.read", run)
    tell(tenant, run, cost=6)
    path = f"/requests/{asked['id']}/revise"
    revised = tenant.call("POST", path, json={"payload": {"to": "ben"}}).json()
    assert outcome(revised) == ("rejected", "policy", "Too dear")


def test_a_revised_request_does_not_count_itself(tenant: Tenant) -> None:
    run = begin(tenant)
    for _ in range(2):
        assert submitted(tenant, "mail.send", run)["status"] == "approved"
    tell(tenant, run, labels=["data.pii"])
    asked = tenant.submit("mail.send", run=run["id"])
    path = f"/requests/{asked['id']}/revise"
    revised = tenant.call("POST", path, json={"payload": {"to": "ben"}}).json()
    assert (revised["status"], roles(revised)) == ("pending", [["privacy"]])


# -- confirm: initiator ----------------------------------------------------------------------------


def test_who_started_the_run_confirms_alone(tenant: Tenant) -> None:
    asked = submitted(tenant, "deploy.run", started_by(tenant, tenant.one))
    stage = asked["plan"]["stages"][0]
    assert (stage["confirm"], stage["roles"]) == ("initiator", [])
    owner, two = tenant.person(tenant.owner), tenant.person(tenant.two)
    refused = owner.decide(asked)
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[1]) == (
        403,
        "initiator_confirms",
    )
    assert two.decide(asked).status_code == 404
    decided = tenant.person(tenant.one).decide(asked)
    assert decided.status_code == 200, decided.text
    ended = tenant.call("GET", f"/requests/{asked['id']}").json()
    assert (ended["status"], ended["basis"]) == ("approved", "confirm")
    [event] = events_of(tenant.workspace.id, "request.submitted")
    assert [one["confirm"] for one in event["data"]["stages"]] == ["initiator"]


def test_an_initiator_may_say_no(tenant: Tenant) -> None:
    asked = submitted(tenant, "deploy.run", started_by(tenant, tenant.one))
    assert tenant.person(tenant.one).decide(asked, "reject").status_code == 200
    ended = tenant.call("GET", f"/requests/{asked['id']}").json()
    assert (ended["status"], ended["basis"]) == ("rejected", "confirm")


def test_an_initiator_who_leaves_confirms_nothing(tenant: Tenant) -> None:
    asked = submitted(tenant, "deploy.run", started_by(tenant, tenant.one))
    one = tenant.person(tenant.one)
    deactivate_person(actor=ACTOR, person=tenant.one)
    assert one.decide(asked).status_code in (401, 403, 404)
    assert tenant.call("GET", f"/requests/{asked['id']}").json()["status"] == "pending"


@pytest.mark.parametrize("with_run", [False, True])
def test_where_nobody_is_proven_to_have_started_it_the_fallback_is_asked(
    tenant: Tenant, with_run: bool
) -> None:
    asked = submitted(tenant, "deploy.run", begin(tenant) if with_run else None)
    assert roles(asked) == [["reviewers"]]
    assert asked["plan"]["stages"][0]["confirm"] is None
    assert asked["plan"]["notes"] == [
        "Nobody can decide for the initiator: the fallback role reviewers is asked."
    ]
    assert tenant.person(tenant.two).decide(asked).status_code == 200
    ended = tenant.call("GET", f"/requests/{asked['id']}").json()
    assert (ended["status"], ended["basis"]) == ("approved", "people")


def test_an_initiator_who_left_before_is_nobody(tenant: Tenant) -> None:
    run = started_by(tenant, tenant.one)
    deactivate_person(actor=ACTOR, person=tenant.one)
    assert roles(submitted(tenant, "deploy.run", run)) == [["reviewers"]]


def test_where_the_fallback_is_empty_too_it_is_rejected(tenant: Tenant) -> None:
    for person in (tenant.one, tenant.two):
        deactivate_person(actor=ACTOR, person=person)
    found = submitted(tenant, "deploy.run", begin(tenant))
    assert (found["status"], found["basis"]) == ("rejected", "policy")


def test_another_agents_run_is_not_ones_own(tenant: Tenant) -> None:
    other = AgentFactory(workspace=tenant.workspace, owner=tenant.owner)
    headers = bearer(KeyFactory(agent=other).token)
    answer: requests.Response = tenant.call(
        "POST", "/runs", json={"external_id": "x"}, headers=headers
    )
    body = {"action": "mail.send", "payload": {}, "run": answer.json()["id"]}
    refused = tenant.call("POST", "/requests", json=body)
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[1]) == (422, "unknown_run")
