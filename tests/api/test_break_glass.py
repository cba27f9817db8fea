"""Past the plan: two administrators, neither of them its own, on exactly this payload; then a third looks."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests
import yaml
from django.db import transaction

from approvals import break_glass
from approvals.access import Reader
from approvals.ends import EXPIRE
from approvals.models import BreakGlass, Request
from core import due, ids
from core.canonical import parse_digest
from core.problems import Problem
from escalations.expiry import expire_due
from people.models import Person as PersonRow
from people.permissions import grant_permission, revoke_permission
from people.services import deactivate_person
from policies.services import apply
from tests.api.tenant import POLICY, Person, Tenant
from tests.clock import travel
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory, user_of
from tests.people.steps import App, sessions_older, wrong_codes
from tests.server import Live
from tests.together import together, until_waiting


class Emergency(Tenant):
    """A tenant with two administrators, Ada and Abe, whom no plan asks, and Vera, who views."""

    def __init__(self, server: Live) -> None:
        super().__init__(server)
        self.ada, self.abe, self.vera = (PersonFactory(workspace=self.workspace) for _ in range(3))
        for person in (self.ada, self.abe, self.vera):
            self.permit(person, "view")
        for person in (self.ada, self.abe):
            self.permit(person, "administer")
        self.people = {person.id: self.person(person) for person in (self.ada, self.abe, self.vera)}

    def permit(self, person: PersonRow, permission: Any) -> None:
        grant_permission(
            actor=ACTOR, workspace=self.workspace, person=person, permission=permission
        )

    def confirm(self, person: PersonRow, request: dict[str, Any], **more: Any) -> requests.Response:
        who = self.people.get(person.id) or Person(self.server, person)
        self.people[person.id] = who
        body = {"reason": "The site is down.", "payload_digest": request["payload_digest"], **more}
        return who.call("POST", f"/requests/{request['id']}/break_glass", json=body)

    def review(self, person: PersonRow, request: dict[str, Any]) -> requests.Response:
        who = self.people.get(person.id) or Person(self.server, person)
        path = f"/requests/{request['id']}/break_glass/review"
        return who.call("POST", path, json={"comment": "Rightly so."})


@pytest.fixture
def tenant(server: Live) -> Emergency:
    return Emergency(server)


def reader_of(person: PersonRow) -> Reader:
    permissions = frozenset({"view", "administer"})
    return Reader(person.workspace_id, person.id, person.user_id, person.name, permissions)


def code(answer: requests.Response) -> str:
    return str(answer.json()["type"]).rsplit(":", 1)[1]


def status_of(request: dict[str, Any]) -> tuple[str, str | None]:
    row = Request.objects.get(id=ids.decode("req", request["id"]))
    return row.status, row.basis


def per(person: Any) -> str:
    return ids.encode("per", person.id)


def test_two_administrators_end_it_and_a_third_person_reviews(tenant: Emergency) -> None:
    request = tenant.submit("mail.pair")
    first = tenant.confirm(tenant.ada, request)
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["stage"]) == ("pending", 0)
    [yes] = first.json()["break_glass"]["confirmations"]
    assert (yes["person"]["id"], yes["reason"]) == (per(tenant.ada), "The site is down.")
    assert tenant.call("GET", f"/requests/{request['id']}").json()["break_glass"] is None
    second = tenant.confirm(tenant.abe, request)
    assert (second.json()["status"], second.json()["basis"]) == ("approved", "break_glass")
    told = tenant.call("GET", f"/requests/{request['id']}").json()
    assert "past its plan" in told["message"]
    assert [one["person"]["id"] for one in told["break_glass"]["confirmations"]] == [
        per(tenant.ada),
        per(tenant.abe),
    ]
    kinds = [
        (event["kind"], event["actor"]["id"])
        for event in events_of(tenant.workspace.id)
        if event["subject"] == request["id"]
    ]
    assert kinds[1:] == [
        ("break_glass.confirmed", per(tenant.ada)),
        ("break_glass.confirmed", per(tenant.abe)),
        ("request.approved", per(tenant.abe)),
    ]
    assert listed(tenant, "false") == [request["id"]]
    for person in (tenant.ada, tenant.abe, tenant.owner):
        refused = tenant.review(person, request)
        assert (refused.status_code, code(refused)) == (403, "not_a_third_person")
    done = tenant.review(tenant.vera, request)
    assert done.json()["break_glass"]["review"]["person"]["id"] == per(tenant.vera)
    again = tenant.review(tenant.one, request)
    assert (again.status_code, code(again)) == (409, "already_reviewed")
    assert (listed(tenant, "false"), listed(tenant, "true")) == ([], [request["id"]])
    [event] = events_of(tenant.workspace.id, "break_glass.reviewed")
    assert event["actor"]["id"] == per(tenant.vera)


def listed(tenant: Emergency, reviewed: str) -> list[str]:
    found = tenant.people[tenant.vera.id].call("GET", f"/break_glass?reviewed={reviewed}").json()
    return [one["id"] for one in found["results"]]


def test_an_administrator_is_told_once_another_has_said_yes(tenant: Emergency) -> None:
    """Administering shows nothing by itself; a yes past the plan is shown to all who administer."""
    other = PersonFactory(workspace=tenant.workspace)
    tenant.permit(other, "administer")
    who = Person(tenant.server, other)
    request, unrelated = tenant.submit(), tenant.submit()

    def seen(state: str = "waiting") -> list[str]:
        return [one["id"] for one in who.call("GET", f"/inbox?state={state}").json()["results"]]

    assert (seen(), tenant.confirm(other, request).status_code) == ([], 404)
    tenant.confirm(tenant.ada, request)
    assert seen() == [request["id"]]
    assert who.call("GET", f"/requests/{unrelated['id']}").status_code == 404
    assert tenant.confirm(other, request).json()["basis"] == "break_glass"
    assert (seen(), seen("past")) == ([], [request["id"]])
    found = who.call("GET", "/break_glass?reviewed=false").json()["results"]
    assert [one["id"] for one in found] == [request["id"]]
    revoke_permission(
        actor=ACTOR, workspace=tenant.workspace, person=other, permission="administer"
    )
    assert who.call("GET", f"/requests/{request['id']}").status_code == 404
    assert seen("past") == []


def test_the_same_one_twice_is_one(tenant: Emergency) -> None:
    request = tenant.submit()
    tenant.confirm(tenant.ada, request)
    again = tenant.confirm(tenant.ada, request)
    assert (again.status_code, code(again)) == (409, "already_confirmed")
    assert status_of(request) == ("pending", None)


def test_neither_owner_nor_initiator_nor_who_is_no_administrator(tenant: Emergency) -> None:
    tenant.permit(tenant.owner, "administer")
    run = tenant.people[tenant.ada.id].call(
        "POST", "/runs", json={"external_id": "t", "agent": ids.encode("agt", tenant.agent.id)}
    )
    request = tenant.submit(run=run.json()["id"])
    told = [
        code(tenant.confirm(person, request))
        for person in (tenant.owner, tenant.ada, tenant.vera, tenant.one)
    ]
    assert told == ["own_agent", "own_run", "not_administrator", "not_administrator"]
    assert not BreakGlass.objects.filter(workspace=tenant.workspace).exists()
    stranger = PersonFactory(workspace=tenant.workspace)
    tenant.permit(stranger, "administer")
    assert tenant.confirm(stranger, request).status_code == 404, "who may not see it"


@pytest.mark.parametrize("how", ["revoked", "deactivated"])
def test_a_first_yes_of_who_is_no_administrator_any_more_counts_not(
    tenant: Emergency, how: str
) -> None:
    request = tenant.submit()
    tenant.confirm(tenant.ada, request)
    if how == "revoked":
        revoke_permission(
            actor=ACTOR, workspace=tenant.workspace, person=tenant.ada, permission="administer"
        )
    else:
        deactivate_person(actor=ACTOR, person=tenant.ada)
    assert tenant.confirm(tenant.abe, request).json()["status"] == "pending"
    tenant.permit(tenant.vera, "administer")
    assert tenant.confirm(tenant.vera, request).json()["basis"] == "break_glass"


def test_a_changed_payload_needs_two_new_ones(tenant: Emergency) -> None:
    request = tenant.submit()
    tenant.confirm(tenant.ada, request)
    path = f"/requests/{request['id']}/revise"
    revised = tenant.call("POST", path, json={"payload": {"to": "mallory@example.com"}}).json()
    stale = tenant.confirm(tenant.abe, request)
    assert (stale.status_code, code(stale)) == (409, "stale_payload")
    assert tenant.confirm(tenant.abe, revised).json()["status"] == "pending"
    assert tenant.confirm(tenant.ada, revised).json()["basis"] == "break_glass"


def test_what_ended_stays_so(tenant: Emergency) -> None:
    rejected, denied, late = tenant.submit(), tenant.submit("mail.burn"), tenant.submit()
    tenant.person(tenant.one).decide(rejected, "reject")
    travel(late["id"], days=2)
    told = [code(tenant.confirm(tenant.ada, one)) for one in (rejected, denied, late)]
    assert told == ["request_ended", "request_ended", "deadline_passed"]
    due.run(EXPIRE, expire_due)
    body = {"to": "reviewers", "prompt": "Which?"}
    question = tenant.call("POST", "/questions", json=body).json()
    assert code(tenant.confirm(tenant.ada, question)) == "not_for_questions"
    assert status_of(rejected) == ("rejected", "people")
    early = tenant.review(tenant.vera, rejected)
    assert (early.status_code, code(early)) == (409, "not_break_glass")


def careful(tenant: Emergency) -> dict[str, Any]:
    """A request that is decided with a second factor."""
    document = yaml.safe_load(POLICY.format(one=tenant.one.user.email, two=tenant.two.user.email))
    terms = {"stages": [{"any_of": ["reviewers"]}], "assurance": "mfa"}
    rule = {"name": "Careful", "action": "mail.send", "effect": "ask", "ask": terms}
    apply(actor=ACTOR, workspace=tenant.workspace, text=json.dumps(document | {"rules": [rule]}))
    return tenant.submit()


def test_what_is_decided_with_a_second_factor_takes_one_past_the_plan_too(
    tenant: Emergency,
) -> None:
    request = careful(tenant)
    apps = {person.id: App(user_of(person)).set_up() for person in (tenant.ada, tenant.abe)}
    for person, status in ((tenant.ada, "pending"), (tenant.abe, "approved")):
        app = apps[person.id]
        needed = tenant.confirm(person, request)
        assert (needed.status_code, code(needed)) == (401, "second_factor_needed")
        wrong = tenant.confirm(person, request, code=next(wrong_codes(app)))
        assert (wrong.status_code, code(wrong)) == (401, "second_factor_failed")
        shown = app.fresh()
        unsaid = tenant.confirm(person, request, code=shown, payload_digest="sha256:x")
        assert unsaid.status_code == 422, "which costs no code"
        done = tenant.confirm(person, request, code=shown)
        assert (done.status_code, done.json()["status"]) == (200, status), done.text
    confirmed = events_of(tenant.workspace.id, "break_glass.confirmed")
    assert [event["data"]["assurance"] for event in confirmed] == ["mfa", "mfa"]
    refused = events_of(tenant.workspace.id, "factor.refused")
    assert {event["data"]["purpose"] for event in refused} == {"past_the_plan"}


def test_an_old_session_says_no_yes_past_the_plan(tenant: Emergency) -> None:
    request = tenant.submit()
    sessions_older(user_of(tenant.ada), hours=12)
    answer = tenant.confirm(tenant.ada, request)
    assert (answer.status_code, code(answer)) == (401, "sign_in_again")
    assert not BreakGlass.objects.filter(workspace=tenant.workspace).exists()
    tenant.confirm(tenant.abe, request)
    [event] = events_of(tenant.workspace.id, "break_glass.confirmed")
    assert event["data"] == {"revision": 1, "assurance": "session"}


def test_a_code_that_was_given_for_another_revision_is_void(tenant: Emergency) -> None:
    request = careful(tenant)
    held = ids.decode("req", request["id"])
    path = f"/requests/{request['id']}/revise"
    for to in ("mallory@example.com", "ana@example.com"):
        assert tenant.call("POST", path, json={"payload": {"to": to}}).ok
    with pytest.raises(Problem, match="stale_payload"):
        break_glass.confirm(
            actor=ACTOR,
            reader=reader_of(tenant.ada),
            request_id=held,
            payload_digest=parse_digest(request["payload_digest"]),
            reason="The site is down.",
            assurance="mfa",
            revision=1,
        )
    assert not BreakGlass.objects.filter(workspace=tenant.workspace).exists()


@pytest.mark.parametrize("reason", ["", "   ", None])
def test_without_a_reason_nothing_happens(tenant: Emergency, reason: str | None) -> None:
    request = tenant.submit()
    answer = tenant.confirm(tenant.ada, request, reason=reason)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/reason"
    assert not BreakGlass.objects.filter(workspace=tenant.workspace).exists()


def test_two_at_once_and_a_rejection_end_it_once(tenant: Emergency) -> None:
    one = tenant.person(tenant.one)
    for _ in range(25):
        request = tenant.submit()
        found = together(
            [
                partial(tenant.confirm, tenant.ada, request),
                partial(tenant.confirm, tenant.abe, request),
                partial(one.decide, request, "reject"),
            ]
        )
        assert {answer.status_code for answer in found} <= {200, 409}, found
        assert status_of(request) in {("approved", "break_glass"), ("rejected", "people")}
        ends = [kind for kind, subject in told(tenant) if subject == request["id"]]
        assert sum(kind in ("request.approved", "request.rejected") for kind in ends) == 1


def test_an_administrator_who_is_being_taken_away_does_not_count(tenant: Emergency) -> None:
    """The second yes waits for the other transaction, and then sees what it did."""
    request = tenant.submit()
    tenant.confirm(tenant.ada, request)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            revoke_permission(
                actor=ACTOR, workspace=tenant.workspace, person=tenant.ada, permission="administer"
            )
            answer = thread.submit(tenant.confirm, tenant.abe, request)
            until_waiting(1, "FOR SHARE OF hp, hu")
        assert answer.result(10).json()["status"] == "pending"
    assert status_of(request) == ("pending", None)


def told(tenant: Emergency) -> list[tuple[str, str]]:
    """Kind and subject of every event, in the order of their instants."""
    return [(event["kind"], event["subject"]) for event in events_of(tenant.workspace.id)]
