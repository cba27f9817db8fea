"""A subject is erased everywhere it stands, with its event, or not at all."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import psycopg
import pytest

from approvals.models import Decision, Request
from audit import checkpoints, sequencer
from audit.kinds import SubjectErased
from audit.log import INSERT_EVENTS, Fact, event_rows
from audit.models import Side
from callbacks.models import Callback
from core import db, ids
from core.problems import Problem
from oversight.models import Erasure
from oversight.verifying import verify
from tests.approvals.world import TEST, World, uuid_of
from tests.audit import logs
from tests.events import events_of, side_of
from tests.oversight.canary import forms, places
from tests.oversight.subjects import RULE, Case, erase
from tests.promises import ask

#: Where the word of `Case.request` in a run stands before it is erased; the search would find it.
EVERYWHERE = {
    "agents_run",
    "agents_step",
    "agents_storedanswer",
    "approvals_decision",
    "approvals_message",
    "approvals_permit",
    "approvals_request",
    "approvals_result",
    "approvals_revision",
    "audit_side",
    "callbacks_attempt",
    "callbacks_callback",
}


def whole(case: Case, deliverer: Any) -> tuple[dict[str, Any], str]:
    """The whole story in a run that has ended, its callbacks delivered."""
    run = case.run()
    request = case.request(run)
    case.end(run)
    case.deliver(deliverer, 2)
    return request, run


def fault(refused: Any) -> str:
    """The code of a refusal, and the first place that it names."""
    problem: Problem = refused.value
    return f"{problem.status} {problem.code} {problem.errors[0].code if problem.errors else ''}".strip()


def test_a_request_is_found_nowhere_afterwards(case: Case, deliverer: Any) -> None:
    request, run = whole(case, deliverer)
    votes = Decision.objects.filter(request_id=uuid_of(request))
    assert all(len(vote.shown_digest or b"") == 32 for vote in votes)
    assert places(case.needles()) == EVERYWHERE
    looked = erase(case.world, request=uuid_of(request), dry_run=True)
    assert (looked.id, looked.subjects) == (None, [request["id"], run])
    assert places(case.needles()) == EVERYWHERE
    done = erase(case.world, request=uuid_of(request), reason="Asked for")
    assert (done.subjects, done.left) == ([request["id"], run], [])
    assert places(case.needles()) == set()
    # What is left is told as erased, through every door.
    shown = case.call("GET", f"/requests/{request['id']}")
    assert (shown["payload"], shown["payload_digest"], shown["facts"]) == (None, None, [])
    assert (shown["status"], shown["permit"]["state"]) == ("approved", "consumed")
    assert shown["erased_by"] == {"kind": "operator", "id": None, "name": None}
    assert shown["erased_at"] is not None
    assert shown["result"]["cost"] == 1.5
    assert {vote["verdict"] for vote in shown["decisions"]} == {"return", "edit"}
    # It is a digest of what went, and so it would give it away.
    assert {vote["shown_digest"] for vote in shown["decisions"]} == {None}
    assert {vote.shown_digest for vote in votes.all()} == {None}
    assert shown["sequence"] > request["sequence"]
    assert "erased" in shown["message"]
    versions = case.call("GET", f"/requests/{request['id']}/revisions")["results"]
    assert {one["payload_digest"] for one in versions} == {None}
    steps = case.call("GET", f"/runs/{run}/steps")["results"]
    assert [(one["tool"], one["input_digest"]) for one in steps] == [("", None)]
    assert case.call("GET", f"/runs/{run}")["external_id"].startswith("erased ")
    # The event names what went and commits to why; nothing else of the request's events is left.
    (event,) = events_of(case.world.workspace.id, "subject.erased")
    assert event["data"]["subjects"] == [request["id"], run]
    assert (event["data"]["count"], event["data"]["scope"]) == (2, "request")
    assert side_of(event, "reason") == b"Asked for"
    assert not Side.objects.filter(event__subject=uuid_of(request)).exists()
    (row,) = Erasure.objects.filter(workspace=case.world.workspace)
    assert (row.subjects, row.person_id) == ([request["id"], run], None)


@pytest.mark.parametrize("why", ["running", "shared"])
def test_a_run_that_is_needed_still_loses_the_digest_and_says_that_it_stays(
    case: Case, why: str
) -> None:
    run = case.run()
    request = case.request(run)
    if why == "shared":
        case.world.submit(run=run)
        case.end(run)
    assert "agents_step" in places(forms(*case.payloads))
    done = erase(case.world, request=uuid_of(request))
    assert done.subjects == [request["id"]]
    assert [(one.id, one.why) for one in done.left] == [(run, why)]
    assert places(forms(*case.payloads)) == set()
    (step,) = case.call("GET", f"/runs/{run}/steps")["results"]
    assert (step["tool"], step["input_digest"], step["output_digest"]) == (case.word, None, None)


def test_its_callbacks_are_not_sent_again(case: Case, deliverer: Any) -> None:
    request, _ = whole(case, deliverer)
    erase(case.world, request=uuid_of(request))
    told = Callback.objects.filter(request_id=uuid_of(request))
    assert told.count() == 2
    arrived = len(case.receiver.arrived)
    for callback in told:
        path = f"/callbacks/{ids.encode('cbk', callback.id)}"
        shown = case.ben.call("GET", path).json()
        assert (shown["body"], shown["url"]) == (None, "")
        answer = case.ben.call("POST", f"{path}/replay", json={})
        assert answer.json()["type"].endswith(":callback_erased")
    end = ids.encode("end", case.endpoint.id)
    for which in ("failed", "missing"):
        body = {"which": which}
        assert case.ben.call("POST", f"/endpoints/{end}/replay", json=body).json()["count"] == 0
    case.deliver(deliverer, 2)
    assert len(case.receiver.arrived) == arrived
    assert places(case.needles()) == set()


def test_nothing_more_is_said_of_it(case: Case) -> None:
    request = case.request()
    erase(case.world, request=uuid_of(request))
    path = f"/requests/{request['id']}"
    for answer in (
        case.ana.call("POST", f"{path}/comments", json={"text": case.word}),
        case.server.call("POST", f"{path}/result", headers=case.agent, json={"status": "failed"}),
        case.server.call(
            "POST",
            f"/permits/{request['permit']['id']}/result",
            headers=case.tool,
            json={"status": "failed", "detail": case.word},
        ),
    ):
        assert (answer.status_code, answer.json()["type"][-15:]) == (409, ":request_erased")
    body = {"payload_digest": f"sha256:{'0' * 64}"}
    path = f"/permits/{request['permit']['id']}/consume"
    headers = case.tool | {"Idempotency-Key": f"c-{case.word}"}
    answer = case.server.call("POST", path, headers=headers, json=body)
    assert answer.json()["type"].endswith(":permit_consumed")
    with pytest.raises(Problem) as refused:
        erase(case.world, request=uuid_of(request))
    assert fault(refused) == "422 not_erasable erased"


def test_everything_that_holds_a_text(case: Case, deliverer: Any) -> None:
    run = case.run()
    request = case.request(run)
    record = {"action": "payments.refund", "payload": case.said(amount=3), "summary": case.word}
    key = f"a-{case.word}"
    rec = case.call("POST", "/actions/record", key=key, json={**record, "run": run})["id"]
    question = case.world.ask(prompt=f"What of {case.word.upper()}?")
    case.payloads.append(json.dumps(question["payload"]).encode())
    case.world.decide("ana", question, "answer", case.word, answer=case.word)
    withdrawn = case.world.submit(payload={"amount": 4})
    path = f"/requests/{withdrawn['id']}/cancel"
    case.call("POST", path, json={"reason": case.word})
    kill = {"scope": "owner", "reason": case.word}
    killed = case.olivia.call("POST", "/kill_switch", json=kill).json()["id"]
    case.olivia.call("POST", f"/kill_switch/{killed}/undo", json={})
    pending = case.world.submit(payload={"amount": 5, "note": case.word})
    other = case.world.submit(payload={"amount": 6})
    case.deliver(deliverer, 4)
    looked = erase(case.world, containing=case.word, dry_run=True)
    found = {request["id"], rec, question["id"], withdrawn["id"], killed}
    assert set(looked.subjects) == found
    assert {(one.id, one.why) for one in looked.left} == {
        (pending["id"], "pending"),
        (run, "running"),
    }
    case.end(run)
    case.world.decide("ana", pending, "reject", "no")
    found |= {run, pending["id"]}
    assert {"approvals_recordedaction", "oversight_kill"} < places(case.needles())
    done = erase(case.world, containing=f" {case.word.upper()} ")
    assert (set(done.subjects), done.count, done.left, done.more) == (found, 7, [], False)
    # The callback that told of the last end was still to be sent: it is stopped.
    case.deliver(deliverer, 4)
    assert len(case.receiver.arrived) == 4
    assert places(case.needles()) == set()
    assert erase(case.world, containing=case.word).id is None
    assert case.world.seen("ana", other)["payload"] == {"amount": 6}
    # Neither the text nor its digest stands in the log: only that somebody looked, and how much it was.
    (told,) = events_of(case.world.workspace.id, "erasure.looked")
    assert told["data"] == {"count": 5}


def test_what_is_not_erased_now() -> None:
    world = World({"lead": ["ana"]}, [RULE])
    pending, usable, absent = world.submit(), world.submit(), ids.uuid7()
    world.decide("ana", usable)
    for request, said in ((pending, "pending"), (usable, "usable")):
        with pytest.raises(Problem) as refused:
            erase(world, request=uuid_of(request))
        assert fault(refused) == f"422 not_erasable {said}"
        with pytest.raises(psycopg.errors.RestrictViolation, match=said):
            directly(world, [uuid_of(request)])
    with pytest.raises(Problem) as refused:
        erase(world, request=absent)
    assert refused.value.status == 404
    for wrong in ({"reason": " ", "request": absent}, {"containing": "abc"}, {}):
        with pytest.raises(Problem) as refused:
            erase(world, **wrong)
        assert refused.value.status == 422
    assert events_of(world.workspace.id, "subject.erased") == []


def named(world: World, subjects: list[str], kind: str = "subject.erased") -> dict[str, list[Any]]:
    """The rows of an event that names these subjects."""
    data = SubjectErased(scope="request", subjects=subjects, count=len(subjects))
    rows = event_rows(
        [Fact(world.workspace.id, TEST, ("ers", ids.uuid7()), data)],
        ask("SELECT clock_timestamp()")[0][0],
    )
    return rows | {"ev_kind": [kind]}


ERASE = "SELECT oversight_erase(%s, %s, %s, '{}', '{}', '{}', '{}', NULL, 'operator')"


def directly(world: World, requests: list[UUID], **event: Any) -> None:
    """What somebody could try who holds the runtime role: the function itself."""
    rows = named(world, event.get("subjects", [ids.encode("req", one) for one in requests]))
    with db.pool().connection() as conn, conn.transaction():
        if event.get("written", True):
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
        conn.execute(ERASE, [rows["ev_id"][0], world.workspace.id, requests])


def test_nothing_is_erased_without_its_event_in_the_same_transaction() -> None:
    world = World({"lead": ["ana"]}, [RULE])
    request = world.submit()
    world.decide("ana", request, "reject")
    one = [uuid_of(request)]
    with pytest.raises(psycopg.errors.RestrictViolation, match="without its event"):
        directly(world, one, written=False)
    with pytest.raises(psycopg.errors.RestrictViolation, match="does not name"):
        directly(world, one, subjects=[ids.encode("req", ids.uuid7())])
    # An event that was committed before, even one that names it.
    rows = named(world, [request["id"]])
    with db.pool().connection() as conn:
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
        with pytest.raises(psycopg.errors.RestrictViolation, match="without its event"):
            conn.execute(ERASE, [rows["ev_id"][0], world.workspace.id, one])
        # One of another kind, and one of another workspace.
        for wrong in (
            named(world, [request["id"]], "request.commented"),
            named(World({"lead": ["ana"]}), [request["id"]]),
        ):
            with conn.transaction():
                conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", wrong)
                with pytest.raises(psycopg.errors.RestrictViolation), conn.transaction():
                    conn.execute(ERASE, [wrong["ev_id"][0], world.workspace.id, one])
    assert world.seen("ana", request)["payload"] == {"amount": 20}
    directly(world, one)
    assert world.seen("ana", request)["payload"] is None


@pytest.mark.parametrize(
    "call",
    [
        "audit_erase(NULL, NULL, '{}')",
        "audit_erase_of(NULL, NULL, NULL)",
        "approvals_erase(NULL, '{}', '{}', NULL, NULL)",
        "approvals_erase_words(NULL, NULL)",
        "agents_erase(NULL, '{}', '{}', '{}')",
        "agents_forget(NULL, '{}')",
        "callbacks_erase(NULL, '{}')",
        "callbacks_forget(NULL, '', '')",
        "people_erase(NULL, NULL)",
        "policies_erase(NULL, NULL, '', '')",
    ],
)
def test_the_pieces_are_the_owners_alone(call: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(f"SELECT {call}")


def test_the_runtime_role_has_no_other_way() -> None:
    world = World({"lead": ["ana"]}, [RULE])
    for statement in (
        "DELETE FROM audit_side WHERE workspace_id = %s",
        "UPDATE audit_side SET body = NULL WHERE workspace_id = %s",
        "DELETE FROM oversight_hold WHERE workspace_id = %s",
        "UPDATE oversight_hold SET lifted_at = now() WHERE workspace_id = %s",
        "DELETE FROM oversight_erasure WHERE workspace_id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(statement, world.workspace.id)
    for statement in (
        "UPDATE policies_policyversion SET text = '', erased_at = now() WHERE workspace_id = %s RETURNING 1",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            ask(statement, world.workspace.id)


def test_bytes_that_were_sent_and_permits_that_were_used_stay_for_everybody_else(
    case: Case, deliverer: Any
) -> None:
    whole(case, deliverer)
    for table, values in (
        ("callbacks_callback", "body = NULL"),
        ("approvals_permit", "digest = '', consume_key = NULL"),
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            ask(
                f"UPDATE {table} SET {values} WHERE workspace_id = %s RETURNING 1",
                case.world.workspace.id,
            )


def test_the_log_verifies_before_and_after(case: Case) -> None:
    workspace = case.world.workspace.id
    request = case.request()
    sequencer.sequence(workspace)
    before = logs.bodies(workspace)
    old = checkpoints.newest(workspace)
    assert old is not None
    erase(case.world, request=uuid_of(request))
    sequencer.sequence(workspace)
    after, new = logs.bodies(workspace), checkpoints.newest(workspace)
    assert new is not None
    assert after[: len(before)] == before
    assert new.size == len(after) > old.size
    assert new.root == logs.oracle(after).get_root()
    assert logs.oracle(before).get_root() == old.root
    assert checkpoints.parse(old.note, checkpoints.verifiers(workspace))[1] == len(before)
    assert verify(workspace).events == len(after)


def test_another_workspace_keeps_the_same_words(case: Case) -> None:
    other = World({"lead": ["ana"]}, [RULE])
    theirs = other.submit(payload={"amount": 1, "note": case.word})
    other.decide("ana", theirs, "reject", case.word)
    mine = case.request()
    with pytest.raises(Problem) as refused:
        erase(case.world, request=uuid_of(theirs))
    assert refused.value.status == 404
    assert set(erase(case.world, containing=case.word).subjects) == {mine["id"]}
    assert other.seen("ana", theirs)["payload"]["note"] == case.word
    rows = named(other, [theirs["id"]])
    with db.pool().connection() as conn, conn.transaction():
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
        with pytest.raises(psycopg.errors.RestrictViolation), conn.transaction():
            conn.execute(ERASE, [rows["ev_id"][0], case.world.workspace.id, [uuid_of(theirs)]])
    assert Request.objects.get(id=uuid_of(theirs)).erased_at is None


def test_a_rule_that_counts_what_was_erased_becomes_stricter_and_never_looser() -> None:
    """`agent.sum` and `by` read earlier payloads: where one was erased, the rule cannot be met."""
    small = {
        "name": "Little a day",
        "action": "payments.refund",
        "when": 'agent.sum("payments.refund", "/amount", "1d") + payload.amount <= 50',
        "effect": "allow",
    }
    world = World(
        {"lead": ["ana"]},
        [small, RULE],
        schema={
            "type": "object",
            "properties": {"amount": {"type": "number"}},
            "required": ["amount"],
        },
    )
    first = world.submit(payload={"amount": 60})
    world.decide("ana", first)
    assert world.submit(payload={"amount": 1})["status"] == "pending"
    ask(
        "UPDATE approvals_request SET permit_state = 'lapsed' WHERE id = %s RETURNING 1",
        uuid_of(first),
    )
    erase(world, request=uuid_of(first))
    assert world.submit(payload={"amount": 1})["status"] == "pending"


def test_who_asked_for_it_is_told(case: Case) -> None:
    request = case.request()
    answer = case.ben.call("POST", "/erasures", json={"request": request["id"], "reason": "Asked"})
    assert answer.status_code == 201, answer.text
    ben = ids.encode("per", case.world.people["ben"].id)
    shown = case.ana.call("GET", f"/requests/{request['id']}").json()
    assert shown["erased_by"] == {"kind": "person", "id": ben, "name": "Ben"}
    (listed,) = case.ben.call("GET", "/erasures").json()["results"]
    assert (listed["id"], listed["by"]) == (answer.json()["id"], ben)
    (event,) = events_of(case.world.workspace.id, "subject.erased")
    assert event["actor"]["id"] == ben
    page = case.ana.http.get(f"{case.server.url}/requests/{request['id']}", timeout=10).text
    assert "Its content was erased</b> on" in page
    assert re.search(r"by <b>(<bdi[^>]*>)?Ben(</bdi>)?</b>\.</p>", page)
    assert case.word not in page
    assert "sha256:" not in page
    for body in ({"request": request["id"], "reason": "Asked"}, {"containing": "anything"}):
        assert case.ana.call("POST", "/erasures", json=body).status_code == 403
