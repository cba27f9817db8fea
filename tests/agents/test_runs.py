"""Runs and steps over HTTP: declared once, told in batches, seen by whom they concern."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import requests
from django.db import IntegrityError

from agents.authentication import INITIATE, READ, SUBMIT
from agents.models import Agent, Run, Step, StoredAnswer
from agents.services import create_key, set_state
from agents.steps import StepRow, content
from audit.log import commitment
from audit.models import Side
from core import ids
from tests.api.tenant import Person, Tenant
from tests.events import events_of
from tests.factories import ACTOR, AgentFactory, KeyFactory, PersonFactory, bearer
from tests.server import Live
from tests.together import together

AT = "2026-05-04T09:30:00Z"
STEP: dict[str, Any] = {"tool": "crm.read", "started_at": AT, "status": "succeeded"}


@pytest.fixture
def tenant(server: Live) -> Tenant:
    return Tenant(server)


def code(answer: requests.Response) -> str:
    return str(answer.json()["type"]).rsplit(":", 1)[1]


def begin(tenant: Tenant, external_id: str = "t-1", **more: Any) -> requests.Response:
    return tenant.call("POST", "/runs", json={"external_id": external_id, **more})


def tell(tenant: Tenant, run: dict[str, Any], *steps: dict[str, Any], **more: Any) -> Any:
    return tenant.call("POST", f"/runs/{run['id']}/steps", json={"steps": list(steps)}, **more)


def naming(tenant: Tenant) -> dict[str, str]:
    """Headers of a key that may name who started a run."""
    key = create_key(actor=ACTOR, agent=tenant.agent, scopes=[SUBMIT, READ, INITIATE])
    return bearer(key.token)


class TestDeclaring:
    def test_it_is_found_again_and_told_once(self, tenant: Tenant) -> None:
        first = begin(tenant, agent_version="1")
        again = begin(tenant, agent_version="2")
        assert (first.status_code, again.status_code) == (201, 200)
        run = first.json()
        assert again.json() == run
        assert first.headers["Location"] == run["links"]["self"]
        assert tenant.call("GET", f"/runs/{run['id']}").json() == run
        assert (run["state"], run["agent_version"], run["stop"]) == ("running", "1", False)
        assert (run["steps"], run["cost"], run["tokens"]) == (0, None, 0)
        [event] = events_of(tenant.workspace.id, "run.started")
        assert event["subject"] == run["id"]
        assert event["actor"] == {
            "type": "agent",
            "id": ids.encode("agt", tenant.agent.id),
            "via": ids.encode("key", tenant.key.key.id),
        }
        assert event["data"] == {
            "agent": ids.encode("agt", tenant.agent.id),
            "parent": None,
            "initiator": None,
        }

    def test_many_at_once_begin_one(self, tenant: Tenant) -> None:
        found = together([lambda: begin(tenant) for _ in range(12)])
        statuses = sorted(answer.status_code for answer in found)
        assert statuses == [200] * 11 + [201]
        assert len({answer.json()["id"] for answer in found}) == 1
        assert len(events_of(tenant.workspace.id, "run.started")) == 1

    def test_another_agent_has_its_own_names(self, tenant: Tenant) -> None:
        other = KeyFactory(agent=AgentFactory(workspace=tenant.workspace))
        mine = begin(tenant).json()
        answer = tenant.server.call(
            "POST", "/runs", json={"external_id": "t-1"}, headers=bearer(other.token)
        )
        assert answer.status_code == 201
        assert answer.json()["id"] != mine["id"]
        for method, path in [("GET", ""), ("GET", "/steps"), ("PATCH", ""), ("POST", "/steps")]:
            body = {"PATCH": {"state": "failed"}, "POST": {"steps": [STEP]}}.get(method)
            seen = tenant.server.call(
                method, f"/runs/{mine['id']}{path}", json=body, headers=bearer(other.token)
            )
            assert (seen.status_code, code(seen)) == (404, "not_found"), (method, path)
        assert Run.objects.get(id=ids.decode("run", mine["id"])).state == "running"

    def test_children_have_parents_up_to_a_depth(self, tenant: Tenant) -> None:
        run = begin(tenant, "depth-1").json()
        for depth in range(2, 17):
            answer = begin(tenant, f"depth-{depth}", parent=run["id"])
            assert answer.status_code == 201, answer.text
            assert answer.json()["parent"] == run["id"]
            run = answer.json()
        answer = begin(tenant, "depth-17", parent=run["id"])
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "too_deep"
        again = begin(tenant, "depth-16")
        assert (again.status_code, again.json()) == (200, run), "who names no parent finds it"
        other = begin(tenant, "depth-16", parent=begin(tenant, "depth-1").json()["id"])
        assert (other.status_code, code(other)) == (409, "run_taken")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"parent": "run_01h455vb4pex5vsknk084sn02q"}, "/parent"),
            ({"parent": "nonsense"}, "/parent"),
            ({"external_id": ""}, "/external_id"),
            ({"agent": "agt_01h455vb4pex5vsknk084sn02q"}, "/agent"),
            ({"unknown": 1}, ""),
        ],
    )
    def test_what_does_not_fit_is_named_and_begins_nothing(
        self, tenant: Tenant, body: dict[str, Any], pointer: str
    ) -> None:
        answer = tenant.call("POST", "/runs", json={"external_id": "t-1", **body})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert not Run.objects.filter(workspace=tenant.workspace).exists()

    def test_a_parent_of_another_workspace_is_not_there(self, tenant: Tenant) -> None:
        theirs = begin(Tenant(tenant.server)).json()
        answer = begin(tenant, parent=theirs["id"])
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "unknown_run"
        mine = begin(tenant).json()
        with pytest.raises(IntegrityError, match="run_parent_same_workspace"):
            Run.objects.filter(id=ids.decode("run", mine["id"])).update(
                parent_id=ids.decode("run", theirs["id"])
            )


class TestInitiator:
    def test_an_ordinary_key_names_nobody(self, tenant: Tenant) -> None:
        answer = begin(tenant, initiator=tenant.one.user.email)
        assert (answer.status_code, code(answer)) == (403, "insufficient_scope")
        assert not Run.objects.filter(workspace=tenant.workspace).exists()

    def test_whoever_started_it_decides_on_nothing_of_it(self, tenant: Tenant) -> None:
        body = {"external_id": "t-1", "initiator": tenant.one.user.email.upper()}
        answer = tenant.call("POST", "/runs", json=body, headers=naming(tenant))
        assert answer.status_code == 201
        run = answer.json()
        assert run["initiator"]["id"] == ids.encode("per", tenant.one.id)
        request = tenant.submit(run=run["id"])
        assert request["initiator"] == run["initiator"]
        refused = tenant.person(tenant.one).decide(request)
        assert (refused.status_code, code(refused)) == (403, "own_run")
        assert tenant.person(tenant.two).decide(request).json()["status"] == "approved"
        assert begin(tenant).json() == run, "who names nobody finds it"
        body["initiator"] = tenant.two.user.email
        other = tenant.call("POST", "/runs", json=body, headers=naming(tenant))
        assert (other.status_code, code(other)) == (409, "run_taken")

    def test_a_signed_in_person_starts_one(self, tenant: Tenant) -> None:
        who = tenant.person(tenant.two)
        body = {"external_id": "t-2", "agent": ids.encode("agt", tenant.agent.id)}
        answer = who.call("POST", "/runs", json=body)
        assert answer.status_code == 201
        run = answer.json()
        assert run["initiator"]["id"] == ids.encode("per", tenant.two.id)
        [event] = events_of(tenant.workspace.id, "run.started")
        assert event["actor"]["id"] == ids.encode("per", tenant.two.id)
        assert begin(tenant, "t-2").json() == run, "the agent finds what was opened for it"
        assert tenant.submit(run=run["id"])["initiator"] == run["initiator"]
        assert begin(tenant, "t-4").json()["initiator"] is None
        taken = who.call("POST", "/runs", json={**body, "external_id": "t-4"})
        assert (taken.status_code, code(taken)) == (409, "run_taken"), "nobody starts it afterwards"
        for wrong in ({"agent": "x"}, {"agent": body["agent"], "initiator": "a@example.com"}):
            answer = who.call("POST", "/runs", json={"external_id": "t-3", **wrong})
            assert answer.status_code == 422
        answer = Person(tenant.server, PersonFactory()).call("POST", "/runs", json=body)
        assert answer.json()["errors"][0]["code"] == "unknown_agent"

    def test_nobody_of_this_name(self, tenant: Tenant) -> None:
        body = {"external_id": "t-1", "initiator": PersonFactory().user.email}
        answer = tenant.call("POST", "/runs", json=body, headers=naming(tenant))
        assert answer.json()["errors"][0]["code"] == "unknown_person"


class TestSteps:
    def test_a_batch_is_stored_summed_and_committed_to(self, tenant: Tenant) -> None:
        run = begin(tenant).json()
        digest = "sha256:" + "ab" * 32
        full = {
            "model": "some-model",
            "call_id": "c1",
            "started_at": "2026-05-04T11:30:00.25+02:00",
            "ended_at": "2026-05-04T09:30:02Z",
            "attempt": 2,
            "status": "failed",
            "error": "timeout — “503”",
            "input_digest": digest,
            "output_digest": digest,
            "input_tokens": 7,
            "output_tokens": 5,
            "cost": 0.1,
            "labels": ["data.pii", 'quo"ted'],
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": "b7ad6b7169203331",
        }
        answer = tell(tenant, run, STEP, full, {**STEP, "cost": 0.2})
        assert answer.status_code == 201
        assert answer.json() == {"accepted": 3, "total": 3, "stop": False}
        listed = tenant.call("GET", f"/runs/{run['id']}/steps").json()["results"]
        assert [one["number"] for one in listed] == [1, 2, 3]
        told = listed[1]
        assert told.pop("id").startswith("stp_")
        assert told.pop("tool") is None
        assert told == full | {"number": 2, "started_at": "2026-05-04T09:30:00.250000Z"}
        run = tenant.call("GET", f"/runs/{run['id']}").json()
        assert (run["steps"], run["cost"], run["tokens"]) == (3, 0.3, 12)
        [event] = events_of(tenant.workspace.id, "run.steps_reported")
        assert event["data"] == {"first": 1, "count": 3}
        side = Side.objects.get(event_id=ids.decode("evt", event["id"]), name="steps")
        written = content(stored(run))
        assert event["commitments"]["steps"] == commitment(bytes(side.salt), written)

    def test_a_call_told_twice_is_stored_once(self, tenant: Tenant) -> None:
        run = begin(tenant).json()
        first = {**STEP, "call_id": "c1"}
        assert tell(tenant, run, first, first, STEP, STEP).json()["accepted"] == 3
        more = tell(tenant, run, first, {**first, "attempt": 2}, {**STEP, "call_id": "c2"})
        assert more.json() == {"accepted": 2, "total": 5, "stop": False}
        again = tell(tenant, run, first)
        assert again.json() == {"accepted": 0, "total": 5, "stop": False}
        numbers = [row.number for row in stored(run)]
        assert numbers == [1, 2, 3, 4, 5]
        assert len(events_of(tenant.workspace.id, "run.steps_reported")) == 2

    def test_many_batches_at_once_leave_no_gap(self, tenant: Tenant) -> None:
        run = begin(tenant).json()
        batch = [{**STEP, "call_id": f"c{n}"} for n in range(10)]
        found = together([lambda: tell(tenant, run, *batch, STEP) for _ in range(8)])
        assert {answer.status_code for answer in found} == {201}
        assert sorted(answer.json()["accepted"] for answer in found) == [1] * 7 + [11]
        assert [row.number for row in stored(run)] == list(range(1, 19))

    def test_the_same_idempotency_key_tells_them_once(self, tenant: Tenant) -> None:
        run, key = begin(tenant).json(), {"Idempotency-Key": "batch-1"}
        first = tell(tenant, run, STEP, headers=key)
        again = tell(tenant, run, STEP, headers=key)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len(stored(run)) == 1
        other = tell(tenant, run, STEP, STEP, headers=key)
        assert (other.status_code, code(other)) == (422, "idempotency_key_reused")
        elsewhere = tell(tenant, begin(tenant, "t-2").json(), STEP, headers=key)
        assert (elsewhere.status_code, code(elsewhere)) == (422, "idempotency_key_reused")

    def test_a_kept_answer_is_forgotten_after_a_day(self, tenant: Tenant) -> None:
        run, key = begin(tenant).json(), {"Idempotency-Key": "batch-1"}
        tell(tenant, run, STEP, headers=key)
        [kept] = StoredAnswer.objects.filter(agent=tenant.agent)
        kept.at = kept.at.replace(year=kept.at.year - 1)
        kept.save()
        answer = tell(tenant, run, STEP, STEP, headers=key)
        assert (answer.status_code, answer.json()["total"]) == (201, 3)
        assert StoredAnswer.objects.filter(agent=tenant.agent).count() == 1

    @pytest.mark.parametrize(
        ("step", "pointer"),
        [
            ({**STEP, "model": "m"}, "/steps/0/tool"),
            ({"started_at": AT, "status": "succeeded"}, "/steps/0/tool"),
            ({**STEP, "ended_at": "2026-05-04T09:29:59Z"}, "/steps/0/ended_at"),
            ({**STEP, "started_at": "2026-05-04T09:30:00"}, "/steps/0/started_at"),
            ({**STEP, "started_at": "yesterday"}, "/steps/0/started_at"),
            ({**STEP, "status": "fine"}, "/steps/0/status"),
            ({**STEP, "cost": -1}, "/steps/0/cost"),
            ({**STEP, "input_digest": "sha256:AB"}, "/steps/0/input_digest"),
            ({**STEP, "labels": [""]}, "/steps/0/labels/0"),
            ({**STEP, "trace_id": "xyz"}, "/steps/0/trace_id"),
        ],
    )
    def test_a_step_that_does_not_fit_is_named_and_none_is_stored(
        self, tenant: Tenant, step: dict[str, Any], pointer: str
    ) -> None:
        run = begin(tenant).json()
        answer = tell(tenant, run, step, STEP)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert stored(run) == []

    def test_five_hundred_and_no_more(self, tenant: Tenant) -> None:
        run = begin(tenant).json()
        assert tell(tenant, run, *[STEP] * 500).json()["total"] == 500
        assert tell(tenant, run, *[STEP] * 501).status_code == 422
        assert tell(tenant, run).status_code == 422
        page = tenant.call("GET", f"/runs/{run['id']}/steps?limit=200").json()
        numbers = [one["number"] for one in page["results"]]
        while page["next"]:
            answer = requests.get(
                page["next"].replace(page["next"].split("/api/")[0], tenant.server.url),
                headers=tenant.headers,
                timeout=10,
            )
            page = answer.json()
            numbers += [one["number"] for one in page["results"]]
        assert numbers == list(range(1, 501))


class TestEnding:
    def test_it_ends_once(self, tenant: Tenant) -> None:
        run = begin(tenant).json()
        path = f"/runs/{run['id']}"
        done = tenant.call("PATCH", path, json={"state": "succeeded"})
        assert (done.status_code, done.json()["state"]) == (200, "succeeded")
        assert done.json()["ended_at"]
        assert tenant.call("PATCH", path, json={"state": "succeeded"}).json() == done.json()
        other = tenant.call("PATCH", path, json={"state": "failed"})
        assert (other.status_code, code(other)) == (409, "run_ended")
        assert tenant.call("PATCH", path, json={"state": "running"}).status_code == 422
        [event] = events_of(tenant.workspace.id, "run.ended")
        assert event["data"] == {"state": "succeeded"}
        late = tell(tenant, run, STEP)
        assert (late.status_code, code(late)) == (409, "run_ended")
        body = {"action": "mail.send", "payload": {"to": "a"}, "run": run["id"]}
        refused = tenant.call("POST", "/requests", json=body)
        assert (refused.status_code, code(refused)) == (409, "run_ended")

    def test_an_agent_that_must_stop_learns_it_and_may_tell_what_it_did(
        self, tenant: Tenant
    ) -> None:
        run = begin(tenant).json()
        set_state(actor=ACTOR, agent=tenant.agent, state=Agent.State.SUSPENDED)
        assert begin(tenant).json()["stop"] is True
        refused = begin(tenant, "t-2")
        assert (refused.status_code, code(refused)) == (403, "agent_suspended")
        assert tell(tenant, run, STEP).json() == {"accepted": 1, "total": 1, "stop": True}
        ended = tenant.call("PATCH", f"/runs/{run['id']}", json={"state": "abandoned"})
        assert (ended.json()["state"], ended.json()["stop"]) == ("abandoned", True)


class TestReading:
    def test_who_may_see_it(self, tenant: Tenant) -> None:
        run = begin(tenant).json()
        tell(tenant, run, STEP)
        stranger = PersonFactory(workspace=tenant.workspace)
        readers = {who: tenant.person(who) for who in (tenant.owner, tenant.one, stranger)}

        def seen() -> list[int]:
            return [
                who.call("GET", f"/runs/{run['id']}{path}").status_code
                for who in readers.values()
                for path in ("", "/steps")
            ]

        assert seen() == [200, 200, 404, 404, 404, 404], "only the owner, before it asks"
        tenant.submit(run=run["id"])
        assert seen() == [200, 200, 200, 200, 404, 404], "who may see its request"

    def test_lists(self, tenant: Tenant) -> None:
        runs = [begin(tenant, f"t-{n}").json()["id"] for n in range(3)]
        page = tenant.call("GET", "/runs?limit=2").json()
        assert [one["id"] for one in page["results"]] == runs[:0:-1]
        rest = tenant.call("GET", "/runs?" + page["next"].split("?")[1]).json()
        assert [one["id"] for one in rest["results"]] == runs[:1]
        request = tenant.submit(run=runs[1])
        tenant.submit()
        found = tenant.call("GET", f"/requests?run={runs[1]}").json()["results"]
        assert [one["id"] for one in found] == [request["id"]]
        assert found[0]["run"] == {"id": runs[1], "external_id": "t-1"}
        assert tenant.call("GET", "/requests?run=x").status_code == 422
        assert tenant.call("GET", "/runs?cursor=x").status_code == 422
        assert tenant.person().call("GET", "/runs").status_code == 403


def stored(run: dict[str, Any]) -> list[StepRow]:
    """The steps of a run as they are stored."""
    run_id: UUID = ids.decode("run", run["id"])
    found = Step.objects.filter(run_id=run_id).order_by("number")
    names = list(StepRow.__slots__)
    rows = [{name: getattr(step, name) for name in names} for step in found]
    for row in rows:
        for name in ("input_digest", "output_digest"):
            row[name] = bytes(row[name]) if row[name] is not None else None
    return [StepRow(**row) for row in rows]
