"""The log over HTTP: who may read it, what it tells, and proofs that are checked by a second way."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
import requests

from agents.services import create_auditor_key, revoke_key
from audit import checkpoints, tree
from audit.sequencer import sequence
from core import ids
from people.permissions import grant_permission
from signing.notes import Verifier
from tests.api.tenant import Tenant
from tests.api.test_openapi import check
from tests.audit.logs import bodies, oracle
from tests.factories import ACTOR, bearer


class Auditor:
    """Somebody with an auditor's key of a tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        made = create_auditor_key(actor=ACTOR, workspace=tenant.workspace, name="Yearly audit")
        self.key, self.headers = made.key, bearer(made.token)

    def get(self, path: str, **params: Any) -> requests.Response:
        answer = self.tenant.server.call(
            "GET", f"/audit/{path}", headers=self.headers, params=params
        )
        document = path if "/" not in path else "events/{id}/proof"
        check("get", f"/api/v1/audit/{document}", answer)
        return answer


@pytest.fixture
def auditor(tenant: Tenant) -> Auditor:
    return Auditor(tenant)


def kinds_of(answer: requests.Response) -> list[str]:
    return [one["event"]["kind"] for one in answer.json()["results"]]


def code(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.json()['type'].rsplit(':', 1)[1]}"


def canonical(event: Any) -> bytes:
    """The bytes of an event, as docs/log-format.md says."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_newest_events_come_first_and_looking_is_one(tenant: Tenant, auditor: Auditor):
    request = tenant.submit()
    tenant.person().decide(request)
    first = auditor.get("events", subject=request["id"])
    assert kinds_of(first) == ["request.approved", "decision.recorded", "request.submitted"]
    looked = auditor.get("events", kind="log.*").json()["results"]
    assert [one["event"]["kind"] for one in looked] == ["log.read"]
    key = ids.encode("key", auditor.key.id)
    assert looked[0]["event"]["actor"] == {"type": "auditor", "id": key, "via": key}
    assert looked[0]["event"]["data"] == {"wanted": [f"subject={request['id']}"]}


def test_each_condition_narrows(tenant: Tenant, auditor: Auditor):
    request, other = tenant.submit(), tenant.submit()
    agent = request["agent"]["id"]
    assert kinds_of(auditor.get("events", kind="request.submitted")) == ["request.submitted"] * 2
    by_agent = auditor.get("events", actor=agent).json()["results"]
    assert {one["event"]["subject"] for one in by_agent} == {request["id"], other["id"]}
    at = by_agent[0]["event"]["at"]
    since = auditor.get("events", since=at, actor=agent).json()["results"]
    until = auditor.get("events", until=at, actor=agent).json()["results"]
    assert [one["event"]["subject"] for one in since] == [other["id"]]
    assert [one["event"]["subject"] for one in until] == [request["id"]]


def test_pages_meet_without_gap_or_repetition(tenant: Tenant, auditor: Auditor):
    for _ in range(7):
        tenant.submit("mail.read")
    whole = auditor.get("events", kind="request.*", limit=200).json()["results"]
    url = f"{tenant.server.api}/audit/events?kind=request.*&limit=3"
    last = requests.get(url, headers=auditor.headers, timeout=30).json()
    seen = last["results"]
    while last["next"]:
        last = requests.get(last["next"], headers=auditor.headers, timeout=30).json()
        seen += last["results"]
    strip = [one["event"]["id"] for one in whole]
    assert [one["event"]["id"] for one in seen] == strip
    back = requests.get(last["previous"], headers=auditor.headers, timeout=30).json()["results"]
    assert [one["event"]["id"] for one in back] == strip[-len(last["results"]) - 3 :][:3]
    # Only first pages are told as looks.
    assert kinds_of(auditor.get("events", kind="log.read")) == ["log.read"] * 2


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"subject": "req_x"}, "?subject"),
        ({"subject": "nope"}, "?subject"),
        ({"since": "yesterday"}, "?since"),
        ({"until": "2026-01-01T00:00:00"}, "?until"),
        ({"limit": "0"}, "?limit"),
        ({"cursor": "eA"}, "?cursor"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(auditor: Auditor, params: dict[str, str], named: str):
    answer = auditor.get("events", **params)
    assert code(answer) == "422 invalid_query"
    assert answer.json()["errors"][0]["pointer"] == named


def test_a_checkpoint_and_its_proofs_hold_by_a_second_way(tenant: Tenant, auditor: Auditor):
    request = tenant.submit()
    sequence(tenant.workspace.id)
    before = auditor.get("checkpoint").json()
    for _ in range(20):
        tenant.submit("mail.read")
    sequence(tenant.workspace.id)
    now = auditor.get("checkpoint").json()
    other = oracle(bodies(tenant.workspace.id))
    assert (now["size"], base64.b64decode(now["root"])) == (other.get_size(), other.get_root())
    keys = [Verifier.parse(key) for key in now["keys"]]
    said = checkpoints.parse(now["note"], keys)
    assert said == (now["origin"], now["size"], base64.b64decode(now["root"]))

    (event,) = auditor.get("events", subject=request["id"]).json()["results"]
    for size in ({}, {"size": before["size"]}):
        proof = auditor.get(f"events/{event['event']['id']}/proof", **size).json()
        assert (proof["position"], proof["event"]) == (event["position"], event["event"])
        leaf = hashlib.sha256(b"\0" + canonical(proof["event"])).digest()
        assert base64.b64decode(proof["leaf"]) == leaf
        hashes = [base64.b64decode(each) for each in proof["hashes"]]
        checkpoint = proof["checkpoint"]
        root = tree.root_from_inclusion(proof["position"], checkpoint["size"], leaf, hashes)
        assert base64.b64encode(root).decode() == checkpoint["root"]

    proof = auditor.get("consistency", **{"from": before["size"]}).json()
    assert (proof["from"], proof["to"]) == (before["size"], now["size"])
    assert tree.is_consistent(
        proof["from"],
        proof["to"],
        base64.b64decode(before["root"]),
        base64.b64decode(now["root"]),
        [base64.b64decode(each) for each in proof["hashes"]],
    )


def test_a_proof_that_there_is_not_is_refused(tenant: Tenant, auditor: Auditor):
    request = tenant.submit()
    (event,) = auditor.get("events", subject=request["id"]).json()["results"]
    path = f"events/{event['event']['id']}/proof"
    assert event["position"] is None
    answer = auditor.get(path)
    assert code(answer) == "409 not_sequenced"
    assert answer.headers["Retry-After"] == "1"
    sequence(tenant.workspace.id)
    size = auditor.get("checkpoint").json()["size"]
    for params, said in [
        ({"size": size + 1}, "The size of a checkpoint that was signed."),
        ({"size": "x"}, "A whole number from 1 on."),
    ]:
        answer = auditor.get(path, **params)
        assert answer.status_code == 422
        assert answer.json()["errors"][0] == {
            "pointer": "?size",
            "code": "invalid_query",
            "detail": said,
        }
    assert auditor.get("events/evt_00000000000000000000000000/proof").status_code == 404
    for params, named in [
        ({}, "?from"),
        ({"from": 0}, "?from"),
        ({"from": 1, "to": size + 1}, "?to"),
    ]:
        answer = auditor.get("consistency", **params)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, named)


def test_the_log_of_another_workspace_is_not_to_be_had(server, tenant: Tenant, auditor: Auditor):
    theirs = Tenant(server)
    request = theirs.submit()
    sequence(theirs.workspace.id)
    (event,) = Auditor(theirs).get("events", subject=request["id"]).json()["results"]
    assert auditor.get("events", subject=request["id"]).json()["results"] == []
    assert auditor.get(f"events/{event['event']['id']}/proof").status_code == 404


def test_who_may_read_the_log(tenant: Tenant, auditor: Auditor):
    reviewer, owner = tenant.person(), tenant.person(tenant.owner)
    assert code(reviewer.call("GET", "/audit/events")) == "403 not_auditor"
    assert code(owner.call("GET", "/audit/events")) == "403 not_auditor"
    grant_permission(actor=ACTOR, workspace=tenant.workspace, person=tenant.one, permission="audit")
    tenant.administrator()
    assert reviewer.call("GET", "/audit/events").status_code == 200
    assert owner.call("GET", "/audit/events").status_code == 200
    assert code(tenant.call("GET", "/audit/events")) == "403 wrong_kind_of_key"
    assert code(requests.get(f"{tenant.server.api}/audit/events", timeout=30)) == "401 unauthorized"
    revoke_key(actor=ACTOR, workspace=tenant.workspace, key_id=auditor.key.id)
    assert code(auditor.get("events")) == "401 key_revoked"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("GET", "/requests"),
        ("POST", "/requests"),
        ("GET", "/inbox"),
        ("POST", "/requests/{id}/decisions"),
        ("POST", "/requests/{id}/cancel"),
        ("POST", "/requests/{id}/permit"),
        ("POST", "/requests/{id}/sensitive"),
        ("POST", "/kill_switch"),
        ("POST", "/policies"),
        ("GET", "/endpoints"),
    ],
    ids=" ".join,
)
def test_an_auditor_s_key_opens_nothing_else(
    tenant: Tenant, auditor: Auditor, method: str, path: str
):
    path = path.replace("{id}", tenant.submit()["id"])
    answer = tenant.server.call(method, path, headers=auditor.headers, json={})
    assert code(answer) in ("403 wrong_kind_of_key", "403 people_only")
