"""A packet holds what happened, proves it without the server, and shows nothing that is covered."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from agents.services import revoke_key
from approvals.ends import EXPIRE
from approvals.extending import extend
from approvals.sql import ESCALATE
from audit.actor import Actor
from audit.models import Side
from core import due, ids
from core.canonical import canonical
from escalations.expiry import expire_due
from escalations.stepping import escalate_due
from oversight.evidence import document
from tests.api.tenant import Person
from tests.api.test_openapi import check
from tests.approvals.world import TEST, uuid_of
from tests.callbacks.receiver import Receiver
from tests.clock import travel
from tests.events import events_of
from tests.oversight.evidence.case import Case, person, proven, shown
from tests.server import Live


def rewrite(statement: str, *values: Any) -> None:
    """Change what is kept as somebody who owns the database could."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def test_everything_about_a_request_is_in_it_and_proven(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver)
    packet = case.packet(request)
    check("get", "/api/v1/requests/{id}/evidence", case.evidence(request))
    told = [one["event"]["kind"] for one in packet["events"]]
    log = [one for one in events_of(case.world.workspace.id) if one["subject"] == request["id"]]
    assert [one["event"] for one in packet["events"]] == log[: len(told)]
    assert {one["kind"] for one in log[len(told) :]} == {"evidence.exported"}
    assert proven(packet) == len(told) + 1
    assert (packet["assentry"], packet["differences"]) == ("evidence/1", [])
    assert packet["software"].startswith("assentry ")

    assert packet["request"]["status"] == "approved"
    assert packet["request"]["basis"] == "people"
    assert packet["agent"]["name"] == "bot"
    assert packet["agent"]["owner"] == person(case, "olivia")
    assert packet["agent"]["key"]["id"] == ids.encode("key", case.world.key.key.id)
    assert (packet["run"]["agent_version"], packet["run"]["steps_in_all"]) == ("2.1", 3)
    assert [one["name"] for one in packet["run"]["steps"]] == ["crm.find", "crm.read", "crm.sum"]

    (policy,) = packet["policy"]
    assert policy["digest"] == policy["text_digest"]
    assert policy["actor"]["type"] == "operator"
    assert policy["event"]["event"]["kind"] == "policy.applied"

    first, second = packet["revisions"]
    assert first["payload"] == {"amount": 20, "card": "•••"}
    assert second["payload"] == {"amount": 25, "card": "•••"}
    assert (first["covered"], second["covered"]) == (["/card"], ["/card"])
    assert second["payload_digest"] == request["payload_digest"]
    assert [(one["pointer"], one["after"]) for one in second["changes"]] == [("/amount", 25)]
    assert second["author"]["name"] == "bot"
    assert first["stated"]["summary"] == "Broken on arrival"
    assert second["plan"]["rule"] == "Ask two teams"
    assert second["plan"]["channels"] == ["slack", "email", "web"]
    assert second["plan"]["assurance"] == "chat"
    assert [one["result"] for one in second["plan"]["trace"]] == ["true"]


def test_who_decided_as_what_and_how_long_it_took(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver)
    # The roles are those that they held then, not now.
    case.world.apply(
        roles={
            "lead": {"title": "Lead", "members": [case.world.email("ana")]},
            "money": {"title": "Money", "members": [case.world.email("vera")]},
            "nobody": {"title": "Nobody", "members": []},
        }
    )
    packet = case.packet(request)
    ana, ben, cleo = packet["decisions"]
    assert [one["person"] for one in (ana, ben, cleo)] == [
        person(case, name) for name in ("ana", "ben", "cleo")
    ]
    assert [one["roles"] for one in (ana, ben, cleo)] == [["lead"], ["lead"], ["money"]]
    assert ana["void"]["reason"] == "The payload was changed after this vote."
    assert (ben["void"], cleo["void"]) == (None, None)
    assert ana["shown"] == packet["revisions"][0]["payload_digest"]
    assert cleo["shown"] == packet["revisions"][1]["payload_digest"]
    for one in (ana, ben, cleo):
        (event,) = (
            each
            for each in packet["events"]
            if each["event"]["data"].get("decision") == one["id"]
            and each["event"]["kind"] == "decision.recorded"
        )
        said = json.loads(base64.b64decode(event["commitments"]["decision"]["bytes"]))
        assert one["shown_digest"] == said["shown_digest"]
        assert re.fullmatch("sha256:[0-9a-f]{64}", one["shown_digest"])
        assert one["dwell_ms"] == said.get("dwell_ms")
    assert len({one["shown_digest"] for one in (ana, ben, cleo)}) == 3
    assert (cleo["channel"], cleo["assurance"], cleo["comment"]) == ("web", "session", "Paid.")
    assert 7_000 <= cleo["dwell_ms"] < 60_000
    assert (ana["dwell_ms"], ben["dwell_ms"]) == (None, None), "nobody saw them open it"
    assert all(0 <= one["seconds_to_decide"] < 60 for one in (ana, ben, cleo))

    stages = [(one["revision"], one["stage"]) for one in packet["stages"]]
    assert stages == [(1, 0), (1, 1), (2, 0), (2, 1)]
    reasons = [[each["reason"] for each in one["opened"]] for one in packet["stages"]]
    assert reasons == [["asked"], ["quorum"]] * 2
    assert all(one["closed_at"] for one in packet["stages"])
    assert [(one["kind"], one["text"]) for one in packet["messages"]] == [
        ("comment", "Ask the warehouse."),
        ("message", "The warehouse agrees."),
    ]

    (permit,) = packet["permits"]
    assert permit["consumed_by"]["name"] == "till"
    assert permit["consumed_at"] > permit["issued_at"]
    assert (packet["result"]["status"], packet["result"]["detail"]) == ("succeeded", "re_99")
    assert packet["result"]["cost"] == "0.250000"
    deadlines = [(one["became"], one["fired_at"]) for one in packet["clock"]["deadlines"]]
    assert deadlines == [("replaced", None), ("ended_before", None)]
    (callback,) = packet["callbacks"]
    assert (callback["type"], callback["state"]) == ("request.approved", "delivered")
    assert callback["url"] == receiver.url
    (attempt,) = callback["attempts"]
    assert (attempt["number"], attempt["status"], attempt["failure"]) == (1, 204, None)


def test_what_is_sensitive_is_nowhere_in_it(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver, card="4111-2222")
    case.sequence()
    answer = case.evidence(request)
    assert b"4111-2222" not in answer.content
    submitted = answer.json()["events"][0]
    # Not even the salt: with it, the number could be guessed.
    assert submitted["commitments"] == {"submission": {"state": "covered"}}
    opened = b"".join(
        base64.b64decode(held.get("bytes", ""))
        for one in answer.json()["events"]
        for held in one["commitments"].values()
    )
    assert b"4111-2222" not in opened
    assert b"Paid." in opened


def test_a_later_policy_covers_earlier_revisions_too(case: Case) -> None:
    case.world.policy["actions"]["payments.refund"]["sensitive"] = []
    case.world.apply()
    request = case.world.submit(payload={"amount": 20, "card": "4111-2222"})
    case.world.policy["actions"]["payments.refund"]["sensitive"] = ["/card"]
    case.world.apply()
    case.world.revise(request, amount=25, card="4111-3333")
    case.sequence()
    answer = case.evidence(request)
    assert b"4111" not in answer.content
    assert [one["covered"] for one in answer.json()["revisions"]] == [["/card"], ["/card"]]
    assert [one["pointer"] for one in answer.json()["revisions"][1]["changes"]] == [
        "/amount",
        "/card",
    ]


def test_what_can_be_shown_opens_its_commitment(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver, card=None)
    packet = case.packet(request)
    assert proven(packet)
    first, second = (json.loads(one) for one in shown(packet, "submission"))
    assert (first["payload"], second["payload"]) == ({"amount": 20}, {"amount": 25})
    assert (first["stated"]["summary"], second["stated"]["summary"]) == ("Broken on arrival", "")
    said = [json.loads(one) for one in shown(packet, "decision")]
    assert [one["comment"] for one in said] == [
        "Twenty is fine.",
        "So is twenty-five.",
        "Paid.",
    ]
    assert shown(packet, "detail") == [b"re_99"]


def test_taking_it_is_an_event_that_commits_to_the_file(case: Case) -> None:
    request = case.world.submit(payload={"amount": 20})
    case.sequence()
    first = case.evidence(request)
    key = ids.encode("key", case.auditor_key.id)
    (event,) = events_of(case.world.workspace.id, "evidence.exported")
    assert event["subject"] == request["id"]
    assert event["actor"] == {"type": "auditor", "id": key, "via": key}
    size = first.json()["checkpoint"]["size"]
    assert event["data"] == {"form": "json", "size": size}
    # A second later the next packet tells of it, and whoever holds the first file can prove that.
    told = case.packet(request)["events"][-1]
    assert told["event"] == event
    assert told["commitments"]["file"]["state"] == "elsewhere"
    salt = base64.b64decode(told["commitments"]["file"]["salt"])
    digest = hashlib.sha256(salt + first.content).hexdigest()
    assert event["commitments"]["file"] == f"sha256:{digest}"


def test_what_has_no_place_yet_is_waited_for(case: Case) -> None:
    request = case.world.submit(payload={"amount": 20})
    refused = case.evidence(request)
    check("get", "/api/v1/requests/{id}/evidence", refused)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":not_sequenced")
    case.sequence()
    assert case.evidence(request).status_code == 200
    # Its own word is not waited for.
    assert case.evidence(request).status_code == 200
    case.world.decide("ana", request)
    assert case.evidence(request).status_code == 409
    assert len(events_of(case.world.workspace.id, "evidence.exported")) == 2


def test_what_was_erased_is_said_as_erased(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver, card=None)
    case.sequence()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "DELETE FROM audit_side WHERE event_id IN (SELECT id FROM audit_event WHERE subject = %s)",
            [uuid_of(request)],
        )
    packet = case.packet(request)
    assert proven(packet)
    states = {held["state"] for one in packet["events"] for held in one["commitments"].values()}
    assert states == {"erased"}
    assert [one["roles"] for one in packet["decisions"]] == [None, None, None]
    assert packet["differences"] == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE approvals_revision SET payload = '{\"amount\":99}' WHERE request_id = %s AND number = 2",
            "Revision 2 is not what evt_",
        ),
        (
            "UPDATE approvals_decision SET comment = 'No.' WHERE request_id = %s AND comment = 'Paid.'",
            "dec_",
        ),
        (
            "UPDATE approvals_decision SET shown_digest = sha256('x') WHERE request_id = %s AND comment = 'Paid.'",
            "dec_",
        ),
        (
            "UPDATE approvals_decision SET shown_digest = NULL WHERE request_id = %s AND comment = 'Paid.'",
            "dec_",
        ),
        (
            "UPDATE approvals_decision SET dwell_ms = 60000 WHERE request_id = %s AND comment = 'Paid.'",
            "dec_",
        ),
        (
            "UPDATE approvals_message SET text = 'Never.' WHERE request_id = %s AND kind = 'comment'",
            "msg_",
        ),
        (
            "DELETE FROM approvals_message WHERE request_id = %s AND kind = 'comment'",
            "There is no msg_",
        ),
    ],
    ids=["payload", "comment", "shown", "shown gone", "dwell", "message", "message gone"],
)
def test_a_row_that_was_changed_past_the_server_is_told(
    case: Case, receiver: Receiver, statement: str, said: str
) -> None:
    request = case.whole(receiver)
    rewrite(statement, uuid_of(request))
    (told,) = case.packet(request)["differences"]
    assert told.startswith(said)


def test_what_was_done_while_nobody_decided_is_in_it(case: Case) -> None:
    """A step, and more time: with the deadlines before and after."""
    rule = deepcopy(case.world.policy["rules"][0])
    rule["ask"] |= {"escalation": "slow", "extend": "1h"}
    steps = {"slow": [{"after": "5m", "widen": "role:nobody"}]}
    case.world.apply(rules=[rule], escalations=steps)
    request = case.world.submit()
    travel(uuid_of(request), minutes=6)
    escalate_due(due.take(ESCALATE, [uuid_of(request)]))
    extend(
        actor=Actor.person(case.world.people["ana"].id, channel="web"),
        reader=case.world.reader("ana"),
        request_id=uuid_of(request),
        by=timedelta(minutes=30),
        reason="It takes <longer>.",
    )
    clock = case.packet(request)["clock"]
    assert [one["became"] for one in clock["deadlines"]] == ["extended", None]
    [step] = clock["steps"]
    assert step | {"due_at": "", "fired_at": ""} == {
        "revision": 1, "stage": 0, "step": 0, "does": "widen", "target": "role:nobody", "state": "fired",
        "cause": "clock", "reason": "", "by": None, "told": 0, "due_at": "", "fired_at": "",
        "undelivered_at": None,
    }  # fmt: skip
    clock_of = next(
        one for one in document.sections(case.packet(request)) if one.title == "The clock"
    )
    said = str(clock_of.blocks)
    assert "widen role:nobody" in said
    assert "a reviewer gave it more time" in said


def test_the_clock_says_when_it_was_due_and_when_it_acted(case: Case) -> None:
    request = case.world.submit(payload={"amount": 20})
    travel(request["id"], days=30)
    due.run(EXPIRE, expire_due)
    packet = case.packet(request)
    (deadline,) = packet["clock"]["deadlines"]
    (expired,) = events_of(case.world.workspace.id, "request.expired")
    assert (deadline["became"], deadline["fired_at"]) == ("expired", expired["at"])
    assert deadline["set_by"] == "request.submitted"
    assert packet["request"]["status"] == "expired"
    assert packet["clock"]["source"] == "the database's clock, in UTC"


def test_refused_tries_and_break_glass_are_in_it(case: Case) -> None:
    request = case.world.submit(payload={"amount": 20})
    owner = Person(case.server, case.world.people["olivia"])
    assert owner.decide(request).status_code == 403
    packet = case.packet(request)
    (refused,) = packet["refused"]
    assert (refused["person"], refused["code"]) == (person(case, "olivia")["id"], "own_agent")
    assert packet["break_glass"] is None


def test_who_may_have_it(case: Case, server: Live) -> None:
    request = case.world.submit(payload={"amount": 20})
    case.sequence()

    def status(answer: Any) -> str:
        kind = answer.json().get("type", "").rsplit(":", 1)[-1]
        return f"{answer.status_code} {kind}"

    vera = Person(server, case.world.people["vera"])
    path = f"/requests/{request['id']}/evidence"
    assert status(vera.call("GET", path)) == "403 not_auditor"
    assert status(Person(server, case.world.people["ana"]).call("GET", path)) == "403 not_auditor"
    assert status(case.evidence(request, headers=case.agent)) == "403 wrong_kind_of_key"
    assert status(case.evidence(request, headers={})) == "401 unauthorized"
    case.may_audit("vera")
    # An auditor reads what they do not decide on, and would not see otherwise.
    assert vera.call("GET", f"/requests/{request['id']}").status_code == 404
    assert vera.call("GET", path).json()["request"]["id"] == request["id"]
    theirs = Case(server)
    theirs.world.submit(payload={"amount": 20})
    theirs.sequence()
    assert status(theirs.evidence(request)) == "404 not_found"
    assert status(theirs.evidence({"id": "req_nonsense"})) == "404 not_found"
    revoke_key(actor=TEST, workspace=case.world.workspace, key_id=case.auditor_key.id)
    assert status(case.evidence(request)) == "401 key_revoked"
    (event,) = events_of(case.world.workspace.id, "evidence.exported")
    assert event["actor"]["id"] == person(case, "vera")["id"]


def test_the_bytes_of_a_revision_are_those_that_were_committed_to(case: Case) -> None:
    request = case.world.submit(payload={"amount": 20, "note": "ünï\u2028"})
    packet = case.packet(request)
    (submission,) = shown(packet, "submission")
    assert json.loads(submission)["payload"] == {"amount": 20, "note": "ünï\u2028"}
    assert canonical({"amount": 20, "note": "ünï\u2028"}) in submission
    side = Side.objects.get(event_id=ids.decode("evt", packet["events"][0]["event"]["id"]))
    assert side.body is None


def test_in_whose_place_somebody_decided_is_in_it_and_proven(
    case: Case, receiver: Receiver
) -> None:
    case.world.away("ana", "vera")
    request = case.world.submit(payload={"amount": 20, "card": "4111"})
    case.world.decide("vera", request)
    packet = case.packet(request)
    assert packet["differences"] == []
    (vera,) = packet["decisions"]
    assert (vera["person"], vera["on_behalf_of"]) == (person(case, "vera"), person(case, "ana"))
    assert vera["roles"] == ["lead"]
    assert proven(packet) == len(packet["events"]) + 1
    rewrite(
        "UPDATE approvals_decision SET on_behalf_of_id = NULL WHERE request_id = %s",
        uuid_of(request),
    )
    assert case.packet(request)["differences"] == [
        f"{vera['id']} is not what {packet['events'][1]['event']['id']} committed to."
    ]
