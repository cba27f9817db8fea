"""Following one request, and the inbox: the present state at once, each change, and a plain end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client

from agents.services import revoke_key
from api import streams
from approvals.ends import EXPIRE
from core import due
from escalations.expiry import expire_due
from people.models import Person as PersonRow
from people.permissions import grant_permission, revoke_permission
from people.roles import PolicyRole, reconcile_policy_roles
from people.services import deactivate_person
from people.signing_out import end_sessions
from tests.api.tenant import Person, Tenant
from tests.api.told import Told, follow
from tests.clock import travel
from tests.factories import ACTOR, AgentFactory, KeyFactory, PersonFactory, bearer
from tests.promises import terminate


class TestALife:
    def test_from_submit_to_outcome(self, tenant: Tenant) -> None:
        request = tenant.submit("mail.pair")
        told = follow(tenant, request)
        name, number, shown = told.state()
        assert (name, number, shown) == ("request.pending", request["sequence"], request)
        one, two = tenant.person(tenant.one), tenant.person(tenant.two)
        one.decide(request, "return", comment="Which one?")
        name, number, shown = told.state()
        assert (name, number) == ("request.returned", shown["sequence"])
        assert shown["messages"][-1]["text"] == "Which one?"
        tenant.call("POST", f"/requests/{request['id']}/messages", json={"text": "The first."})
        assert told.state()[0] == "request.pending"
        assert one.decide(request).status_code == 200
        name, number, shown = told.state()
        assert (name, len(shown["decisions"])) == ("request.pending", 2)
        assert two.decide(request).status_code == 200
        name, number, shown = told.state()
        assert (name, shown["status"]) == ("request.approved", "approved")
        assert shown == tenant.call("GET", f"/requests/{request['id']}").json()
        assert told.end() == "outcome"
        tenant.server.until_parked(0)

    def test_people_see_what_people_see(self, tenant: Tenant) -> None:
        request = tenant.submit(payload={"to": "ana@example.com", "secret": "hunter2"})
        one = tenant.person(tenant.one)
        path = f"/requests/{request['id']}/comments"
        told = follow(one, request)
        _, _, shown = told.state()
        assert "hunter2" not in json.dumps(shown)
        assert shown == one.call("GET", f"/requests/{request['id']}").json()
        one.call("POST", path, json={"text": "Among us."})
        assert told.state()[2]["messages"][0]["text"] == "Among us."
        one.decide(request, "reject")
        assert told.state()[0] == "request.rejected"
        assert told.end() == "outcome"

    def test_two_listeners_and_a_reader_who_waits(self, tenant: Tenant) -> None:
        request = tenant.submit()
        both = [follow(tenant, request), follow(tenant.person(tenant.two), request)]
        assert [told.state()[0] for told in both] == ["request.pending"] * 2
        waiting = tenant.later("GET", f"/requests/{request['id']}?wait=20")
        tenant.server.until_parked(3)
        tenant.person(tenant.one).decide(request)
        assert [told.state()[0] for told in both] == ["request.approved"] * 2
        assert waiting.result(10).json()["status"] == "approved"

    def test_the_clock_ends_it_too(self, tenant: Tenant) -> None:
        request = tenant.submit()
        told = follow(tenant, request)
        told.state()
        travel(request["id"], days=2)
        due.run(EXPIRE, expire_due)
        assert told.state()[0] == "request.expired"
        assert told.end() == "outcome"


class TestResuming:
    def test_what_is_known_is_not_told_again(self, tenant: Tenant) -> None:
        request = tenant.submit("mail.pair")
        told = follow(tenant, request, **{"Last-Event-ID": str(request["sequence"])})
        tenant.person(tenant.one).decide(request)
        name, number, _ = told.state()
        assert (name, number) == ("request.pending", request["sequence"] + 1)

    @pytest.mark.parametrize("known", ["0", "nonsense", "99999999999999999999", "-1"])
    def test_what_is_not_known_is_told_at_once(self, tenant: Tenant, known: str) -> None:
        request = tenant.submit()
        told = follow(tenant, request, **{"Last-Event-ID": known})
        assert told.state()[1] == request["sequence"]

    def test_an_end_that_is_known_is_no_stream(self, tenant: Tenant) -> None:
        request = tenant.submit("mail.read")
        path = f"/requests/{request['id']}/events"
        told = follow(tenant, request)
        name, number, _ = told.state()
        assert (name, told.end()) == ("request.approved", "outcome")
        again = tenant.call("GET", path, headers={"Last-Event-ID": str(number)})
        assert (again.status_code, again.content) == (204, b"")

    def test_an_inbox_that_slept_is_told_at_once(self, tenant: Tenant) -> None:
        one = tenant.person()
        told = Told(one.call("GET", "/inbox/events", stream=True))
        assert told.next()["event"] == "ready"
        tenant.submit()
        event = told.next()
        assert event["event"] == "inbox"
        told.answer.close()
        headers = {"Last-Event-ID": event["id"]}
        told = Told(one.call("GET", "/inbox/events", stream=True, headers=headers))
        assert [told.next()["event"], told.next()["event"]] == ["ready", "inbox"]

    def test_so_is_one_that_had_heard_nothing_yet(self, tenant: Tenant) -> None:
        one = tenant.person()
        told = Told(one.call("GET", "/inbox/events", stream=True))
        ready = told.next()
        assert (ready["event"], ready["id"]) == ("ready", "0")
        told.answer.close()
        headers = {"Last-Event-ID": ready["id"]}
        told = Told(one.call("GET", "/inbox/events", stream=True, headers=headers))
        assert [told.next()["event"], told.next()["event"]] == ["ready", "inbox"]

    def test_a_listening_connection_that_was_lost_costs_nothing(self, tenant: Tenant) -> None:
        request = tenant.submit()
        told = follow(tenant, request)
        told.state()
        for _ in range(3):
            terminate("assentry web")
        until = time.monotonic() + 10
        while (done := tenant.person(tenant.one).decide(request)).status_code == 503:
            assert time.monotonic() < until
        assert done.status_code == 200
        assert told.state()[0] == "request.approved"


class TestRights:
    def test_nobody_else_s(self, tenant: Tenant) -> None:
        request = tenant.submit()
        path = f"/requests/{request['id']}/events"
        other = KeyFactory(agent=AgentFactory(workspace=tenant.workspace))
        stranger = tenant.person(PersonFactory(workspace=tenant.workspace))
        seen = [
            tenant.server.call("GET", path, headers=bearer(other.token)),
            stranger.call("GET", path),
            Tenant(tenant.server).call("GET", path),
            tenant.call("GET", "/requests/nonsense/events"),
        ]
        assert {answer.status_code for answer in seen} == {404}
        assert tenant.server.call("GET", path).status_code == 401

    def ended(self, told: Told, began: float) -> str:
        """The reason of the end, which came within a second and a half."""
        reason = told.end()
        assert time.monotonic() - began < 1.5
        return reason

    def test_a_revoked_key(self, tenant: Tenant) -> None:
        told = follow(tenant, tenant.submit())
        told.state()
        began = time.monotonic()
        revoke_key(actor=ACTOR, workspace=tenant.workspace, key_id=tenant.key.key.id)
        assert self.ended(told, began) == "signed_out"

    @pytest.mark.parametrize("how", ["session", "person"])
    def test_a_session_that_ended(self, tenant: Tenant, how: str) -> None:
        told = follow(tenant.person(), tenant.submit())
        told.state()
        began = time.monotonic()
        if how == "session":
            end_sessions(user=tenant.one.user)
        else:
            deactivate_person(actor=ACTOR, person=tenant.one)
        assert self.ended(told, began) == "signed_out"

    def test_a_role_that_was_lost(self, tenant: Tenant) -> None:
        request = tenant.submit("mail.pair")
        told, kept = (
            follow(tenant.person(tenant.one), request),
            follow(tenant.person(tenant.two), request),
        )
        told.state()
        kept.state()
        began = time.monotonic()
        self.leave_only(tenant, tenant.two)
        assert self.ended(told, began) == "not_visible"
        tenant.person(tenant.two).decide(request, "reject")
        assert kept.state()[0] == "request.rejected"

    def leave_only(self, tenant: Tenant, person: PersonRow) -> None:
        roles = {"reviewers": PolicyRole("Reviewers", frozenset({person.id}))}
        reconcile_policy_roles(actor=ACTOR, workspace=tenant.workspace, roles=roles)

    def test_a_permission_that_was_taken_away(self, tenant: Tenant) -> None:
        viewer = PersonFactory(workspace=tenant.workspace)
        about: Any = {"workspace": tenant.workspace, "person": viewer, "permission": "view"}
        grant_permission(actor=ACTOR, **about)
        told = follow(Person(tenant.server, viewer), tenant.submit())
        told.state()
        began = time.monotonic()
        revoke_permission(actor=ACTOR, **about)
        assert self.ended(told, began) == "not_visible"


class TestBounds:
    def test_too_many_of_one_key(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "MAX_STREAMS", 2)
        request = tenant.submit()
        held = [follow(tenant, request) for _ in range(2)]
        for told in held:
            told.state()
        refused = tenant.call("GET", f"/requests/{request['id']}/events")
        assert refused.status_code == 429
        assert refused.json()["type"].endswith(":too_many_streams")
        assert refused.headers["Retry-After"] == "5"
        held.pop().answer.close()
        tenant.server.until_parked(1)
        assert follow(tenant, request).state()[0] == "request.pending"

    def test_a_listener_who_does_not_read_keeps_nobody_waiting(self, tenant: Tenant) -> None:
        big = tenant.submit("mail.pair", context={"text": "x" * 900_000})
        sleepers = [follow(tenant, big) for _ in range(5)]
        awake = follow(tenant, big)
        awake.state()
        began = time.monotonic()
        for n in range(5):
            path = f"/requests/{big['id']}/messages"
            tenant.call("POST", path, json={"text": f"Message {n}"})
            assert awake.state()[2]["messages"][-1]["text"] == f"Message {n}"
        assert time.monotonic() - began < 10
        for told in sleepers:
            name, _, shown = told.state()
            assert name == "request.pending"
            assert len(shown["messages"]) <= 5
            told.answer.close()

    def test_without_a_front_it_says_the_state_and_to_come_again(self, tenant: Tenant) -> None:
        request = tenant.submit()
        client = Client(headers={"authorization": tenant.headers["Authorization"]})
        answer = client.get(f"/api/v1/requests/{request['id']}/events")
        lines = answer.content.decode().splitlines()
        assert lines[0] == "retry: 5000"
        assert lines[1:3] == [f"id: {request['sequence']}", "event: request.pending"]
        assert json.loads(lines[3].removeprefix("data: ")) == request
