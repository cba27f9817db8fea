"""One request from submit to end: the answer, the rows and the events, each step by its whole fact."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

import psycopg
import pytest
from django.db import connections

from approvals.ends import EXPIRE
from approvals.preview import preview
from approvals.read import snapshots
from approvals.sql import ESCALATE, LAPSE
from approvals.status import ENDS, Status
from core import due, failpoints
from core.db import pool
from core.problems import Problem
from escalations.expiry import expire_due
from notifications.sql import TELL
from people.services import deactivate_person
from tests.approvals.world import TEST, World, told, uuid_of
from tests.clock import travel
from tests.promises import ask as rows
from tests.together import together


def ask(*stages, **more):
    return {
        "name": "Ask",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"]} | stage for stage in stages or ({},)], **more},
    }


ALLOW_SMALL = {
    "name": "Small",
    "action": "payments.refund",
    "when": "payload.amount <= 50",
    "effect": "allow",
}
DENY_HUGE = {
    "name": "Huge",
    "action": "payments.refund",
    "when": "payload.amount > 1000",
    "effect": "deny",
    "reason": "Never that much.",
}


@pytest.fixture
def world():
    return World({"lead": ["ana", "ben"], "manager": ["mia"]}, [ask()])


def due_rows_of(request, *, told=False):
    """The kinds of what is promised of a request; what is told and escalated only where asked for."""
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT kind FROM core_due WHERE subject = %s ORDER BY kind", [uuid_of(request)]
        )
        return [kind for (kind,) in found.fetchall() if told or kind not in (TELL, ESCALATE)]


def expire_now(request):
    travel(uuid_of(request), days=3)
    due.run(EXPIRE, expire_due)


def read(world, request):
    return json.loads(read_bytes(world, request))


def read_bytes(world, request):
    return snapshots([uuid_of(request)])[uuid_of(request)].rendered


# -- submit --------------------------------------------------------------------------------------


def test_a_submit_answers_with_the_whole_object_and_writes_its_facts(world):
    request = world.submit(payload={"b": 1.0, "a": "é"}, summary="please", metadata={"ticket": "7"})
    assert request["payload"] == {"a": "é", "b": 1}
    assert (
        request["payload_digest"]
        == "sha256:" + hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()
    )
    assert (request["status"], request["waiting_on"], request["stage"]) == ("pending", "people", 0)
    assert (request["summary"], request["metadata"]) == ("please", {"ticket": "7"})
    assert request["agent"]["owner"]["name"] == "Olivia"
    assert request["plan"]["stages"][0]["roles"] == [{"name": "lead", "title": "Lead"}]
    assert read(world, request) == request
    assert world.kinds(request) == ["request.submitted"]
    assert due_rows_of(request, told=True) == [ESCALATE, EXPIRE, TELL]
    (event,) = world.events(request)
    assert event["actor"]["type"] == "agent"
    assert event["data"]["stages"][0]["roles"] == ["lead"]
    assert request["payload_digest"] not in json.dumps(event)


def test_the_submission_commitment_opens_with_salt_and_rows(world):
    request = world.submit()
    (event,) = world.events(request)
    ((salt, kept),) = rows(
        "SELECT s.salt, s.body FROM audit_side s JOIN audit_event e ON e.id = s.event_id WHERE e.subject = %s",
        uuid_of(request),
    )
    ((payload, plan, stated),) = rows(
        "SELECT v.payload, v.plan, r.stated FROM approvals_request r "
        "JOIN approvals_revision v ON v.request_id = r.id WHERE r.id = %s",
        uuid_of(request),
    )
    assert kept is None
    content = b'{"payload":%b,"plan":%b,"stated":%b}' % (payload, plan, stated)
    assert (
        event["commitments"]["submission"] == "sha256:" + hashlib.sha256(salt + content).hexdigest()
    )


def test_labels_and_editable_pointers_are_shown_and_change_nothing():
    world = World({"lead": ["ana"]}, [ask()], labels=["money.out"], editable=["/amount"])
    request = world.submit()
    assert request["plan"]["labels"] == ["money.out"]
    assert request["plan"]["editable"] == ["/amount"]
    assert world.decide("ana", request)["status"] == "approved"


def test_policy_allows_and_refuses_at_once():
    world = World({"lead": ["ana"]}, [ALLOW_SMALL, DENY_HUGE, ask()])
    allowed = world.submit(payload={"amount": 50})
    refused = world.submit(payload={"amount": 1001})
    asked = world.submit(payload={"amount": 51})
    assert (allowed["status"], allowed["basis"], allowed["stage"]) == ("approved", "policy", None)
    assert (refused["status"], refused["basis"]) == ("rejected", "policy")
    assert "Never that much." in refused["message"]
    assert asked["status"] == "pending"
    assert world.kinds(allowed) == ["request.submitted", "request.approved"]
    assert world.kinds(refused) == ["request.submitted", "request.rejected"]
    assert due_rows_of(allowed, told=True) == [LAPSE]
    assert due_rows_of(refused, told=True) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "payments.unknown"}, "unknown_action"),
        ({"payload": {"amount": "twenty"}}, "payload_off_schema"),
        ({"payload": {"amount": -1}}, "payload_off_schema"),
        ({"surprise": 1}, "invalid_input"),
        ({"payload": []}, "invalid_input"),
        ({"expires_in": "soon"}, "invalid_input"),
        ({"payload": {"amount": 1, "note": "x" * 262_144}}, "payload_too_large"),
    ],
)
def test_bad_input_names_the_place_and_stores_nothing(body, code):
    world = World(
        {"lead": ["ana"]},
        [ask()],
        schema={"type": "object", "properties": {"amount": {"type": "number", "minimum": 0}}},
    )
    with pytest.raises(Problem) as caught:
        world.submit(**body)
    assert caught.value.code == code
    assert caught.value.status in (413, 422)
    assert caught.value.errors or code == "payload_too_large"
    with pool().connection() as conn:
        count = conn.execute(
            "SELECT count(*) FROM approvals_request WHERE workspace_id = %s", [world.workspace.id]
        ).fetchone()
    assert count == (0,)


def test_the_agent_may_only_ask_for_less_time(world):
    short, long = world.submit(expires_in="1m"), world.submit(expires_in="30d")
    assert seconds(short) == 60
    assert seconds(long) == 8 * 3600  # medium risk


def seconds(request):
    return (
        datetime.fromisoformat(request["expires_at"])
        - datetime.fromisoformat(request["created_at"])
    ).total_seconds()


def test_without_policy_there_is_nobody_to_ask(world):
    bare = World({"lead": ["ana"]}, [ask()])
    with pool().connection() as conn:
        conn.execute("DELETE FROM policies_policy WHERE workspace_id = %s", [bare.workspace.id])
    with pytest.raises(Problem) as caught:
        bare.submit()
    assert caught.value.code == "no_policy"


def test_a_saved_policy_that_is_no_longer_accepted_is_said_and_asks_nobody(world):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """ALTER TABLE policies_policyversion DISABLE TRIGGER policy_version_immutable;
               UPDATE policies_policyversion SET text = 'assentry: 0' WHERE workspace_id = %s;
               ALTER TABLE policies_policyversion ENABLE ALWAYS TRIGGER policy_version_immutable""",
            [world.workspace.id],
        )
    with pytest.raises(Problem) as caught:
        world.submit()
    assert (caught.value.status, caught.value.code) == (409, "policy_not_accepted")


def test_a_preview_stores_nothing_and_knows_the_shorter_life(world):
    body = {"action": "payments.refund", "payload": {"amount": 20}, "expires_in": "5m"}
    shown = json.loads(
        preview(authorization=f"Bearer {world.key.token}", body=json.dumps(body).encode())
    )
    assert (shown["effect"], shown["rule"], shown["expires_in"]) == ("ask", "Ask", "5m")
    assert shown["stages"][0]["quorum_can_be_met"] is True
    assert rows(
        "SELECT count(*) FROM approvals_request WHERE workspace_id = %s", world.workspace.id
    ) == [(0,)]


def test_nobody_can_decide_asks_the_fallback_then_refuses():
    world = World({"fallback": ["mia"], "lead": ["ana"]}, [ask({"approvals": 1})])
    deactivate_person(actor=TEST, person=world.people["ana"])
    request = world.submit()
    assert request["plan"]["stages"][0]["roles"][0]["name"] == "fallback"
    assert "fallback role" in request["plan"]["notes"][0]
    assert world.decide("mia", request)["status"] == "approved"
    deactivate_person(actor=TEST, person=world.people["mia"])
    refused = world.submit()
    assert (refused["status"], refused["basis"]) == ("rejected", "policy")
    assert "Nobody can decide" in refused["message"]


def test_a_role_that_only_holds_the_owner_asks_the_fallback():
    world = World({"fallback": ["mia"], "lead": ["olivia"]}, [ask()])
    assert world.submit()["plan"]["stages"][0]["roles"][0]["name"] == "fallback"


# -- idempotency ---------------------------------------------------------------------------------


def test_the_same_key_and_body_find_the_same_request(world):
    first = world.submit(idempotency_key="k-1")
    assert world.submit(idempotency_key="k-1") == first
    decided = world.decide("ana", first)
    assert world.submit(idempotency_key="k-1")["status"] == decided["status"] == "approved"
    assert world.kinds(first).count("request.submitted") == 1


def test_the_same_key_with_another_body_is_refused(world):
    world.submit(idempotency_key="k-1")
    with pytest.raises(Problem) as caught:
        world.submit(idempotency_key="k-1", payload={"amount": 21})
    assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")


def test_twenty_at_once_with_one_key_make_one_request(world):
    answers = together([lambda: world.submit(idempotency_key="k-1")] * 20)
    made = [answer for answer in answers if isinstance(answer, dict)]
    others = [answer for answer in answers if not isinstance(answer, dict)]
    assert len({request["id"] for request in made}) == 1
    assert all(isinstance(p, Problem) and p.code == "idempotency_in_flight" for p in others)
    assert all(p.headers["Retry-After"] == "1" for p in others)


def test_a_key_of_one_agent_means_nothing_to_another(world):
    other = World({"lead": ["ana"]}, [ask()])
    assert world.submit(idempotency_key="k")["id"] != other.submit(idempotency_key="k")["id"]


# -- counting ------------------------------------------------------------------------------------


def test_a_hundred_at_once_cannot_all_be_the_first():
    few = {
        "name": "A few a day",
        "action": "payments.refund",
        "when": 'agent.count("payments.refund", "1d") < 5',
        "effect": "allow",
    }
    world = World({"lead": ["ana"]}, [few, ask()])
    # The pause between counting and writing is where a submit without the lock would slip through.
    with failpoints.armed("submit_before_last_statement:sleep=0.005"):
        answers = together([world.submit] * 100, timeout=60)
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert sum(answer["status"] == "approved" for answer in answers) == 5


def test_sums_count_what_was_not_refused():
    budget = {
        "name": "Budget",
        "action": "payments.refund",
        "when": 'agent.sum("payments.refund", "/amount", "1d") + payload.amount <= 100',
        "effect": "allow",
    }
    world = World({"lead": ["ana"]}, [DENY_HUGE, budget, ask()])
    assert world.submit(payload={"amount": 5000})["status"] == "rejected"
    assert world.submit(payload={"amount": 60})["status"] == "approved"
    assert world.submit(payload={"amount": 40.5})["status"] == "pending"
    pending = world.submit(payload={"amount": 1})
    assert pending["status"] == "pending"  # 60 + 40.5 are out: what waits may still run


# -- decide --------------------------------------------------------------------------------------


def test_an_approval_ends_it_with_its_facts(world):
    request = world.submit()
    decided = world.decide("ana", request, comment="fine")
    assert (decided["status"], decided["basis"], decided["stage"]) == ("approved", "people", None)
    (vote,) = decided["decisions"]
    assert (vote["person"]["name"], vote["verdict"], vote["comment"]) == ("Ana", "approve", "fine")
    assert world.kinds(request) == ["request.submitted", "decision.recorded", "request.approved"]
    assert due_rows_of(request) == [LAPSE]
    assert "fine" not in json.dumps(world.events(request))


def test_a_rejection_tells_the_agent_why(world):
    request = world.submit()
    assert "too early" in world.decide("ben", request, "reject", "too early")["message"]


def test_two_stages_of_different_people():
    world = World(
        {"lead": ["ana", "ben"], "finance": ["ana", "caro"]},
        [ask({}, {"any_of": ["finance"], "distinct_from_earlier": True})],
    )
    request = world.submit()
    halfway = world.decide("ana", request)
    assert (halfway["status"], halfway["stage"]) == ("pending", 1)
    with pytest.raises(Problem) as caught:
        world.decide("ana", halfway)
    assert (caught.value.status, caught.value.code) == (403, "approved_earlier")
    assert world.decide("caro", halfway)["status"] == "approved"
    assert world.kinds(request) == [
        "request.submitted",
        "decision.recorded",
        "request.stage_opened",
        "decision.refused",
        "decision.recorded",
        "request.approved",
    ]


@pytest.mark.parametrize(("name", "code"), [("olivia", "own_agent"), ("mia", "not_asked")])
def test_who_may_not_decide(name, code):
    world = World({"lead": ["ana", "olivia"], "manager": ["mia"]}, [ask(on_expiry="ask:manager")])
    request = world.submit()
    with pytest.raises(Problem) as caught:
        world.decide(name, request)
    assert (caught.value.status, caught.value.code) == (403, code)
    assert world.kinds(request) == ["request.submitted", "decision.refused"]
    assert read(world, request) == request


def test_a_stranger_sees_nothing(world):
    other = World({"lead": ["ana"]}, [ask()])
    request = other.submit()
    for name in ("ana", "mia", "olivia"):
        with pytest.raises(Problem) as caught:
            world.decide(name, request)
        assert caught.value.status == 404


def test_confirm_asks_the_owner_and_nobody_else(world):
    rule = {
        "name": "Own",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"confirm": "owner"},
    }
    world.apply(rules=[rule])
    request = world.submit()
    assert request["plan"]["stages"][0]["confirm"] == "owner"
    with pytest.raises(Problem) as caught:
        world.decide("ana", request)
    assert caught.value.status == 404  # nothing in its plan asks her
    decided = world.decide("olivia", request)
    assert (decided["status"], decided["basis"]) == ("approved", "confirm")


def test_an_approval_that_rests_on_the_owners_own_yes_says_so():
    own = {
        "name": "Own",
        "action": "payments.refund",
        "when": "payload.absent > 1",  # fails, so its stage is asked as well
        "effect": "ask",
        "ask": {"confirm": "owner"},
    }
    world = World({"lead": ["ana"]}, [own, ask()])
    request = world.submit()
    halfway = world.decide("olivia", request)
    assert (halfway["status"], halfway["stage"]) == ("pending", 1)
    decided = world.decide("ana", halfway)
    assert (decided["status"], decided["basis"]) == ("approved", "confirm")


def test_a_comment_where_policy_wants_one(world):
    request = world.submit()
    with pytest.raises(Problem) as caught:
        world.decide("ana", request, "reject", "  ")
    assert caught.value.errors[0].pointer == "/comment"
    assert read(world, request) == request


@pytest.mark.parametrize(
    ("shown", "code"),
    [({"stage": 1}, "stale_stage"), ({"payload_digest": "sha256:" + "0" * 64}, "stale_payload")],
)
def test_a_stale_view_decides_nothing(world, shown, code):
    request = world.submit()
    with pytest.raises(Problem) as caught:
        world.decide("ana", request, **shown)
    assert (caught.value.status, caught.value.code) == (409, code)
    assert told(caught.value)["status"] == "pending"
    assert read(world, request) == request


def test_voting_twice_is_refused_with_the_present_state():
    world = World({"lead": ["ana", "ben"]}, [ask({"approvals": 2})])
    request = world.submit()
    world.decide("ana", request)
    with pytest.raises(Problem) as caught:
        world.decide("ana", request, "reject")
    assert caught.value.code == "already_voted"
    assert len(told(caught.value)["decisions"]) == 1


def test_a_person_removed_between_two_votes_counts_no_more():
    world = World({"lead": ["ana", "ben", "caro"]}, [ask({"approvals": 2})])
    request = world.submit()
    world.decide("ana", request)
    deactivate_person(actor=TEST, person=world.people["ana"])
    second = world.decide("ben", request)
    assert (second["status"], second["stage"]) == ("pending", 0)
    assert [bool(vote["void"]) for vote in second["decisions"]] == [True, False]
    assert "decision.voided" in world.kinds(request)
    assert world.decide("caro", request)["status"] == "approved"


def test_an_earlier_stage_that_falls_short_opens_again():
    world = World(
        {"lead": ["ana", "ben"], "finance": ["caro", "dan"]},
        [ask({}, {"any_of": ["finance"]})],
    )
    request = world.submit()
    second = world.decide("ana", request)
    world.apply(
        roles=world.policy["roles"] | {"lead": {"title": "Lead", "members": [world.email("ben")]}}
    )
    reopened = world.decide("caro", second)
    assert (reopened["status"], reopened["stage"]) == ("pending", 0)
    assert [event["data"].get("reason") for event in world.events(request)][-1] == "fell_short"
    assert world.decide("ben", reopened)["status"] == "approved"  # Caro's vote still stands


def test_a_policy_edit_changes_nothing_that_is_pending(world):
    request = world.submit()
    world.apply(rules=[DENY_HUGE | {"when": "true"}])
    assert world.submit()["status"] == "rejected"
    assert world.decide("ana", request)["status"] == "approved"


def test_a_decision_that_waited_across_the_deadline_is_late(world):
    request = world.submit(expires_in="1h")
    travel(uuid_of(request), seconds=3599.6)
    with pool().connection() as conn, conn.transaction():
        conn.execute("SELECT 1 FROM approvals_request WHERE id = %s FOR UPDATE", [uuid_of(request)])

        def hold():
            conn.execute("SELECT pg_sleep(0.6)")
            conn.execute("COMMIT")

        answers = together([lambda: world.decide("ana", request), hold])
    assert isinstance(answers[0], Problem)
    assert answers[0].code == "deadline_passed"
    assert read(world, request)["decisions"] == []


# -- the clock -----------------------------------------------------------------------------------


def test_silence_expires(world):
    request = world.submit()
    expire_now(request)
    ended = read(world, request)
    assert (ended["status"], ended["basis"]) == ("expired", "clock")
    assert "not rejected" in ended["message"]
    # What its steps would have told is said by the deadline, which passed as well.
    assert world.kinds(request) == [
        "request.submitted",
        "escalation.stepped",
        "escalation.stepped",
        "request.expired",
    ]
    with pytest.raises(Problem) as caught:
        world.decide("ana", request)
    assert caught.value.code == "request_ended"


def test_after_the_deadline_one_more_role_is_asked():
    world = World(
        {"lead": ["ana"], "manager": ["mia"]}, [ask(on_expiry="ask:manager", expires_in="4h")]
    )
    request = world.submit()
    expire_now(request)
    later = read(world, request)
    assert (later["status"], later["stage"]) == ("pending", 1)
    assert due_rows_of(request) == [EXPIRE]
    with pytest.raises(Problem) as caught:
        world.decide("ana", later)
    assert caught.value.code == "not_asked"
    assert world.decide("mia", later)["status"] == "approved"


def test_the_second_deadline_is_the_last():
    world = World({"lead": ["ana"], "manager": ["mia"]}, [ask(on_expiry="ask:manager")])
    request = world.submit()
    expire_now(request)
    expire_now(request)
    assert read(world, request)["status"] == "expired"


def test_silence_approves_only_where_policy_says_so_at_low_risk():
    world = World({"lead": ["ana"]}, [ask(on_expiry="allow")], risk="low")
    request = world.submit()
    expire_now(request)
    ended = read(world, request)
    assert (ended["status"], ended["basis"]) == ("approved", "clock")
    assert "Nobody objected" in ended["message"]


# -- the database's own guards -------------------------------------------------------------------


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PENDING])
def test_an_end_is_final_for_the_database_too(world, status):
    request = world.submit()
    expire_now(request)
    with pool().connection() as conn, pytest.raises(psycopg.Error) as caught:
        conn.execute(
            "UPDATE approvals_request SET status = %s, basis = %s WHERE id = %s",
            [status.value, next(iter(ENDS[status])).value, uuid_of(request)],
        )
    assert "an end is final" in str(caught.value) or "check constraint" in str(caught.value)


def test_the_database_knows_the_same_moves(world):
    request = world.submit()
    for status in ENDS:
        kind = "question" if status is Status.ANSWERED else "request"
        for basis in {basis for bases in ENDS.values() for basis in bases}:
            with pool().connection() as conn:
                allowed = True
                try:
                    with conn.transaction(force_rollback=True):
                        conn.execute(
                            "UPDATE approvals_request SET status = %s, basis = %s, stage = NULL, "
                            "waiting_on = NULL, ended_at = now(), kind = %s WHERE id = %s",
                            [status.value, basis.value, kind, uuid_of(request)],
                        )
                except psycopg.errors.CheckViolation:
                    allowed = False
            assert allowed == (basis in ENDS[status]), (status, basis)


def test_a_log_that_cannot_be_written_decides_nothing(world):
    request = world.submit()
    with (
        failpoints.armed("end_before_last_statement:raise"),
        pytest.raises(failpoints.FailpointError),
    ):
        world.decide("ana", request)
    assert read(world, request) == request
    assert world.kinds(request) == ["request.submitted"]
