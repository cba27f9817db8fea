"""People together: comments, who looks into it, following, several at once; results and records."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import requests

from agents.models import Agent
from agents.services import set_state
from approvals.models import Decision, RecordedAction, Request, Result, Watch
from core import ids
from people.permissions import grant_permission
from people.roles import grant_role
from policies.services import apply
from tests.api.tenant import Person, Tenant
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory
from tests.server import Live
from tests.together import together


@pytest.fixture
def tenant(server: Live) -> Tenant:
    return Tenant(server)


def code(answer: requests.Response) -> str:
    return str(answer.json()["type"]).rsplit(":", 1)[1]


def per(person: Any) -> str:
    return ids.encode("per", person.id)


def post(who: Person, request: dict[str, Any], name: str, **body: Any) -> requests.Response:
    return who.call("POST", f"/requests/{request['id']}/{name}", json=body)


class TestComments:
    def test_people_see_them_and_the_agent_does_not(self, tenant: Tenant) -> None:
        request, one = tenant.submit(), tenant.person(tenant.one)
        answer = post(one, request, "comments", text="I called <b>them</b>.")
        assert answer.status_code == 201
        [said] = answer.json()["messages"]
        assert (said["kind"], said["text"], said["author"]["id"]) == (
            "comment",
            "I called <b>them</b>.",
            per(tenant.one),
        )
        assert answer.json()["waiting_on"] == "people"
        two = tenant.person(tenant.two)
        assert two.call("GET", f"/requests/{request['id']}").json()["messages"] == [said]
        seen = tenant.call("GET", f"/requests/{request['id']}").json()
        assert seen["messages"] == []
        assert "called" not in str(seen)
        [event] = events_of(tenant.workspace.id, "request.commented")
        assert event["data"] == {"message": said["id"], "revision": 1}
        assert event["actor"]["id"] == per(tenant.one)

    def test_after_the_end_too(self, tenant: Tenant) -> None:
        request, one = tenant.submit(), tenant.person(tenant.one)
        one.decide(request)
        assert post(one, request, "comments", text="Done.").status_code == 201

    def test_a_stranger_finds_nothing(self, tenant: Tenant) -> None:
        request = tenant.submit()
        stranger = tenant.person(PersonFactory(workspace=tenant.workspace))
        assert post(stranger, request, "comments", text="x").status_code == 404
        assert post(tenant.person(), request, "comments", text="").status_code == 422
        assert events_of(tenant.workspace.id, "request.commented") == []


class TestHandling:
    def test_claim_release_reassign(self, tenant: Tenant) -> None:
        request = tenant.submit()
        one, two = tenant.person(tenant.one), tenant.person(tenant.two)
        assert post(one, request, "claim").json()["claimed_by"]["id"] == per(tenant.one)
        again = post(one, request, "claim")
        assert again.status_code == 200
        taken = post(two, request, "claim")
        assert (taken.status_code, code(taken)) == (409, "claimed")
        theirs = post(two, request, "release")
        assert (theirs.status_code, code(theirs)) == (403, "claimed_by_another")
        moved = post(two, request, "reassign", to=per(tenant.two))
        assert moved.json()["claimed_by"]["id"] == per(tenant.two)
        assert post(two, request, "release").json()["claimed_by"] is None
        assert post(two, request, "release").status_code == 200
        claims = events_of(tenant.workspace.id, "request.claimed")
        assert [event["data"] for event in claims] == [
            {"person": per(tenant.one), "before": None},
            {"person": per(tenant.two), "before": per(tenant.one)},
        ]
        [event] = events_of(tenant.workspace.id, "request.released")
        assert event["data"] == {"before": per(tenant.two)}

    def test_a_claim_takes_nobody_s_vote_away(self, tenant: Tenant) -> None:
        request = tenant.submit()
        post(tenant.person(tenant.one), request, "claim")
        done = tenant.person(tenant.two).decide(request)
        assert done.json()["status"] == "approved"
        late = post(tenant.person(tenant.one), request, "claim")
        assert (late.status_code, code(late)) == (409, "request_ended")

    def test_one_of_many_claims_it(self, tenant: Tenant) -> None:
        request = tenant.submit()
        people = [tenant.person(tenant.one), tenant.person(tenant.two)]
        found = together([partial(post, who, request, "claim") for who in people])
        assert sorted(answer.status_code for answer in found) == [200, 409]
        assert len(events_of(tenant.workspace.id, "request.claimed")) == 1

    def test_only_whom_the_plan_asks(self, tenant: Tenant) -> None:
        request, one = tenant.submit(), tenant.person(tenant.one)
        viewer = PersonFactory(workspace=tenant.workspace)
        grant_permission(actor=ACTOR, workspace=tenant.workspace, person=viewer, permission="view")
        grant_role(actor=ACTOR, workspace=tenant.workspace, role="reviewers", person=tenant.owner)
        for who in (tenant.person(viewer), tenant.person(tenant.owner)):
            for name, body in (("claim", {}), ("reassign", {"to": per(tenant.one)})):
                refused = post(who, request, name, **body)
                assert (refused.status_code, code(refused)) == (403, "not_asked")
        for to in (per(viewer), per(tenant.owner), per(PersonFactory()), "ana@example.com"):
            refused = post(one, request, "reassign", to=to)
            assert refused.json()["errors"][0]["pointer"] == "/to"
        assert Request.objects.get(id=ids.decode("req", request["id"])).claimed_by_id is None


class TestWatching:
    def test_it_shows_in_the_inbox_until_it_does_not(self, tenant: Tenant) -> None:
        request, other = tenant.submit(), tenant.submit()
        one = tenant.person(tenant.one)

        def seen() -> list[str]:
            found = one.call("GET", "/inbox?view=watching").json()["results"]
            return [each["id"] for each in found]

        assert seen() == []
        assert post(one, request, "watch").status_code == 204
        assert post(one, request, "watch").status_code == 204
        post(tenant.person(tenant.two), other, "watch")
        assert seen() == [request["id"]]
        assert one.call("DELETE", f"/requests/{request['id']}/watch").status_code == 204
        assert seen() == []
        stranger = tenant.person(PersonFactory(workspace=tenant.workspace))
        assert post(stranger, request, "watch").status_code == 404
        assert Watch.objects.filter(workspace=tenant.workspace).count() == 1


class TestSeveralAtOnce:
    def decide(self, who: Person, *shown: dict[str, Any], **more: Any) -> requests.Response:
        alike = [{key: one[key] for key in ("id", "stage", "payload_digest")} for one in shown]
        body = {"verdict": "approve", "requests": alike, **more}
        return who.call("POST", "/decisions", json=body)

    def test_each_has_a_vote_of_its_own(self, tenant: Tenant) -> None:
        shown = [tenant.submit() for _ in range(3)]
        one = tenant.person(tenant.one)
        tenant.person(tenant.two).decide(shown[1], "reject")
        shown[2]["payload_digest"] = "sha256:" + "0" * 64
        answer = self.decide(one, *shown)
        assert answer.status_code == 200
        first, second, third = answer.json()["results"]
        assert [each["id"] for each in answer.json()["results"]] == [one["id"] for one in shown]
        assert (first["request"]["status"], first["problem"]) == ("approved", None)
        assert (second["request"], second["problem"]["status"]) == (None, 409)
        assert second["problem"]["type"].endswith(":request_ended")
        assert third["problem"]["type"].endswith(":stale_payload")
        votes = Decision.objects.filter(workspace=tenant.workspace, person=tenant.one)
        assert [ids.encode("req", vote.request_id) for vote in votes] == [shown[0]["id"]]
        assert len(events_of(tenant.workspace.id, "decision.recorded")) == 2

    @pytest.mark.parametrize(
        ("kinds", "wrong"),
        [
            (["mail.send", "mail.pair"], "not_alike"),
            (["mail.risky"], "too_risky"),
            (["mail.send", "mail.send"], "twice"),
            (["question"], "question"),
        ],
    )
    def test_what_is_not_alike_is_not_decided_at_all(
        self, tenant: Tenant, kinds: list[str], wrong: str
    ) -> None:
        self.with_a_risky_action(tenant)
        shown = [self.make(tenant, kind) for kind in kinds]
        if wrong == "twice":
            shown[1] = shown[0]
        answer = self.decide(tenant.person(tenant.one), *shown)
        assert (answer.status_code, code(answer)) == (422, "not_alike")
        assert answer.json()["errors"][-1]["code"] == wrong
        assert not Decision.objects.filter(workspace=tenant.workspace).exists()

    def test_one_that_is_not_to_be_seen_stops_all(self, tenant: Tenant) -> None:
        mine, theirs = tenant.submit(), Tenant(tenant.server).submit()
        answer = self.decide(tenant.person(tenant.one), mine, theirs)
        assert answer.status_code == 404
        assert not Decision.objects.filter(workspace=tenant.workspace).exists()

    def test_another_version_of_the_rule_is_another_rule(self, tenant: Tenant) -> None:
        first = tenant.submit()
        self.with_a_risky_action(tenant)
        answer = self.decide(tenant.person(tenant.one), first, tenant.submit())
        assert code(answer) == "not_alike"

    def make(self, tenant: Tenant, kind: str) -> dict[str, Any]:
        if kind != "question":
            return tenant.submit(kind)
        body = {"to": "reviewers", "prompt": "Which?"}
        found: dict[str, Any] = tenant.call("POST", "/questions", json=body).json()
        return found

    def with_a_risky_action(self, tenant: Tenant) -> None:
        people = f"[{tenant.one.user.email}, {tenant.two.user.email}]"
        text = f"""
            assentry: 1
            fallback: reviewers
            roles: {{reviewers: {{members: {people}}}}}
            actions:
              mail.send: {{title: Send, risk: low}}
              mail.pair: {{title: Pair, risk: low}}
              mail.risky: {{title: Risky, risk: high}}
            """
        apply(actor=ACTOR, workspace=tenant.workspace, text=text)


class TestResults:
    def tell(self, tenant: Tenant, request: dict[str, Any], **body: Any) -> requests.Response:
        return tenant.call("POST", f"/requests/{request['id']}/result", json=body)

    def test_the_first_one_stands(self, tenant: Tenant) -> None:
        request = tenant.submit()
        early = self.tell(tenant, request, status="succeeded")
        assert (early.status_code, code(early)) == (409, "not_approved")
        tenant.person().decide(request)
        told = {"status": "succeeded", "detail": "RF-7", "cost": 0.25}
        answer = self.tell(tenant, request, **told)
        assert answer.status_code == 200
        result = answer.json()["result"]
        assert result.pop("at")
        assert result == told
        again = self.tell(tenant, request, **told)
        assert again.json() == answer.json()
        for other in (told | {"cost": 0.5}, {"status": "failed"}, {"status": "unknown"}):
            refused = self.tell(tenant, request, **other)
            assert (refused.status_code, code(refused)) == (409, "result_reported")
        [event] = events_of(tenant.workspace.id, "result.reported")
        assert event["data"] == {"status": "succeeded", "cost": "0.250000"}
        seen = tenant.person().call("GET", f"/requests/{request['id']}").json()
        assert seen["result"] == answer.json()["result"]

    def test_what_was_unknown_may_become_known(self, tenant: Tenant) -> None:
        request = tenant.submit()
        tenant.person().decide(request)
        assert self.tell(tenant, request, status="unknown").status_code == 200
        assert self.tell(tenant, request, status="failed").json()["result"]["status"] == "failed"
        assert code(self.tell(tenant, request, status="succeeded")) == "result_reported"
        assert Result.objects.get(request_id=ids.decode("req", request["id"])).status == "failed"

    def test_of_many_at_once_one_stands(self, tenant: Tenant) -> None:
        request = tenant.submit()
        tenant.person().decide(request)
        found = together(
            [
                partial(self.tell, tenant, request, status=status)
                for status in ("succeeded", "failed") * 5
            ]
        )
        stands = {a.json()["result"]["status"] for a in found if a.status_code == 200}
        assert len(stands) == 1
        assert sum(a.status_code == 409 for a in found) == 5
        assert len(events_of(tenant.workspace.id, "result.reported")) == 1

    def test_nobody_else_s(self, tenant: Tenant) -> None:
        request = tenant.submit()
        tenant.person().decide(request)
        other = Tenant(tenant.server)
        assert self.tell(other, request, status="succeeded").status_code == 404
        refused = post(tenant.person(), request, "result", status="succeeded")
        assert (refused.status_code, code(refused)) == (403, "agents_only")
        assert self.tell(tenant, request, status="fine").status_code == 422


class TestRecording:
    def record(self, tenant: Tenant, action: str = "mail.burn", **more: Any) -> requests.Response:
        headers = more.pop("headers", {})
        body = {"action": action, "payload": {"to": "ana@example.com"}, **more}
        return tenant.call("POST", "/actions/record", json=body, headers=headers)

    def test_it_is_validated_logged_and_not_stopped(self, tenant: Tenant) -> None:
        run = tenant.call("POST", "/runs", json={"external_id": "t-1"}).json()
        answer = self.record(tenant, run=run["id"], summary="By hand.")
        assert answer.status_code == 201
        told = answer.json()
        assert (told["effect"], told["rule"], told["run"]) == ("deny", "Never burn", run["id"])
        assert told["stop"] is False
        stored = RecordedAction.objects.get(id=ids.decode("rec", told["id"]))
        assert bytes(stored.payload) == b'{"to":"ana@example.com"}'
        [event] = events_of(tenant.workspace.id, "action.recorded")
        assert event["subject"] == told["id"]
        assert event["data"]["effect"] == "deny"
        assert not Request.objects.filter(workspace=tenant.workspace).exists()

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({"action": "mail.fly"}, "unknown_action"),
            ({"action": "mail.send", "payload": {"to": 1}}, "payload_off_schema"),
            ({"run": "run_01h455vb4pex5vsknk084sn02q"}, "unknown_run"),
            ({"more": 1}, "invalid_input"),
        ],
    )
    def test_what_does_not_fit_is_not_recorded(
        self, tenant: Tenant, body: dict[str, Any], wrong: str
    ) -> None:
        answer = self.record(tenant, **body)
        assert (answer.status_code, code(answer)) == (422, wrong)
        assert not RecordedAction.objects.filter(workspace=tenant.workspace).exists()

    def test_once_with_one_key(self, tenant: Tenant) -> None:
        headers = {"Idempotency-Key": '"act-1"'}
        found = together([lambda: self.record(tenant, headers=dict(headers)) for _ in range(8)])
        kept = {answer.json()["id"] for answer in found if answer.status_code == 201}
        assert len(kept) == 1
        assert {answer.status_code for answer in found} <= {201, 409}
        again = self.record(tenant, headers=headers)
        assert again.json()["id"] in kept
        assert again.headers["Idempotent-Replayed"] == "true"
        assert RecordedAction.objects.filter(workspace=tenant.workspace).count() == 1

    def test_a_stopped_agent_may_still_tell(self, tenant: Tenant) -> None:
        set_state(actor=ACTOR, agent=tenant.agent, state=Agent.State.SUSPENDED)
        answer = self.record(tenant, "mail.read")
        assert (answer.status_code, answer.json()["stop"]) == (201, True)

    def test_no_key_no_record(self, tenant: Tenant) -> None:
        body = {"action": "mail.send", "payload": {"to": "a"}}
        assert tenant.server.call("POST", "/actions/record", json=body).status_code == 401


class TestMessagesOnce:
    def test_the_same_key_says_it_once(self, tenant: Tenant) -> None:
        request, key = tenant.submit(), {"Idempotency-Key": "m-1"}
        path = f"/requests/{request['id']}/messages"
        first = tenant.call("POST", path, json={"text": "More."}, headers=key)
        again = tenant.call("POST", path, json={"text": "More."}, headers=key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len(again.json()["messages"]) == 1
        other = tenant.call("POST", path, json={"text": "Other."}, headers=key)
        assert code(other) == "idempotency_key_reused"
