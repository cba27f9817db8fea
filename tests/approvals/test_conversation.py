"""Return, message, revise, edit: what people and the agent say to each other, and what it changes."""

from __future__ import annotations

from functools import partial

import pytest

from approvals.ends import EXPIRE
from approvals.revising import MAX_REVISIONS, STILL_ASKED
from core import due
from core.problems import Problem
from escalations.expiry import expire_due
from people.services import deactivate_person
from tests.approvals.world import TEST, World, told, uuid_of
from tests.clock import travel
from tests.promises import ask as rows
from tests.together import together

SMALL = {
    "name": "Small",
    "action": "payments.refund",
    "when": "payload.amount <= 10",
    "effect": "allow",
}
NEVER = {
    "name": "Never",
    "action": "payments.refund",
    "when": "payload.amount > 10000",
    "effect": "deny",
    "reason": "By hand.",
}
LARGE = {
    "name": "Large",
    "action": "payments.refund",
    "when": "payload.amount > 1000",
    "effect": "ask",
    "ask": {
        "stages": [
            {"any_of": ["lead"]},
            {"any_of": ["finance"], "approvals": 2, "distinct_from_earlier": True},
        ],
        "expires_in": "1h",
    },
}
REST = {
    "name": "Rest",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}


@pytest.fixture
def world():
    return World(
        {"lead": ["ana", "ben"], "finance": ["caro", "dan", "ana"]},
        [NEVER, SMALL, LARGE, REST],
        editable=["/amount", "/note"],
        schema={
            "type": "object",
            "required": ["amount"],
            "properties": {
                "amount": {"type": "number", "minimum": 0},
                "iban": {"type": "string"},
                "note": {"type": "string", "maxLength": 10},
            },
            "additionalProperties": False,
        },
        sensitive=["/iban"],
    )


def refused(call, *args, **more) -> Problem:
    with pytest.raises(Problem) as caught:
        call(*args, **more)
    return caught.value


# -- return and message --------------------------------------------------------------------------


def test_a_return_waits_on_the_agent_until_it_answers(world) -> None:
    request = world.submit(payload={"amount": 50})
    returned = world.decide("ana", request, "return", comment="Which order is it?")
    assert (returned["status"], returned["waiting_on"], returned["stage"]) == (
        "pending",
        "agent",
        0,
    )
    assert [(one["kind"], one["text"]) for one in returned["messages"]] == [
        ("return", "Which order is it?")
    ]
    assert [one["verdict"] for one in returned["decisions"]] == ["return"]
    for verdict in ("approve", "return"):
        problem = refused(world.decide, "ben", request, verdict)
        assert (problem.status, problem.code) == (409, "waiting_on_agent")
    answered = world.say(request, "Order 7, see the ticket.")
    assert answered["waiting_on"] == "people"
    assert answered["sequence"] == returned["sequence"] + 1
    assert "Wait for the answer" in answered["message"]
    assert [one["author"]["kind"] for one in answered["messages"]] == ["person", "agent"]
    assert world.decide("ana", request)["status"] == "approved"
    assert world.kinds(request) == [
        "request.submitted",
        "decision.recorded",
        "request.returned",
        "request.message_added",
        "decision.recorded",
        "request.approved",
    ]


def test_what_was_given_back_may_still_be_rejected(world) -> None:
    request = world.submit(payload={"amount": 50})
    world.decide("ana", request, "return", comment="Why?")
    assert world.decide("ben", request, "reject")["status"] == "rejected"
    problem = refused(world.say, request, "Because.")
    assert (problem.status, problem.code) == (409, "request_ended")


def test_a_return_says_what_the_agent_shall_do(world) -> None:
    request = world.submit(payload={"amount": 50})
    problem = refused(world.decide, "ana", request, "return", comment=" ")
    assert (problem.status, problem.errors[0].pointer) == (422, "/comment")
    returned = world.decide("ana", request, "return", comment="Only 40, please.")
    assert "They wrote: Only 40, please." in returned["message"]


def test_a_return_expires_as_everything_does(world) -> None:
    request = world.submit(payload={"amount": 50})
    world.decide("ana", request, "return", comment="Why?")
    travel(uuid_of(request), hours=9)
    problem = refused(world.say, request, "Late.")
    assert (problem.status, problem.code) == (409, "deadline_passed")
    due.run(EXPIRE, expire_due)
    assert world.seen("ana", request)["status"] == "expired"


def test_evidence_may_be_added_while_people_look(world) -> None:
    request = world.submit(payload={"amount": 50})
    said = world.say(request, "One more thing")
    assert (said["waiting_on"], len(said["messages"])) == ("people", 1)


# -- revise --------------------------------------------------------------------------------------


def test_a_revision_is_planned_anew_and_voids_every_vote(world) -> None:
    request = world.submit(payload={"amount": 2000})
    first = world.decide("ana", request)
    assert first["stage"] == 1
    revised = world.revise(request, amount=3000)
    assert (revised["revision"], revised["stage"], revised["status"]) == (2, 0, "pending")
    assert revised["changes"] == [
        {"op": "replace", "pointer": "/amount", "before": 2000, "after": 3000}
    ]
    assert revised["revised_by"]["kind"] == "agent"
    assert [one["void"] for one in revised["decisions"]] == [
        "The payload was changed after this vote."
    ]
    assert world.kinds(request)[-2:] == ["request.revised", "decision.voided"]
    problem = refused(world.decide, "ben", request, payload_digest=first["payload_digest"])
    assert (problem.status, problem.code) == (409, "stale_payload")
    assert told(problem)["revision"] == 2


def test_the_new_plan_may_only_shorten_the_time(world) -> None:
    request = world.submit(payload={"amount": 50})
    revised = world.revise(request, amount=2000)
    assert revised["expires_at"] < request["expires_at"]
    later = world.revise(request, amount=60)
    assert later["expires_at"] == revised["expires_at"]
    promises = rows(
        "SELECT due_at FROM core_due WHERE subject = %s AND kind = 'request.expire'",
        uuid_of(request),
    )
    assert len(promises) == 1
    travel(uuid_of(request), minutes=61)
    due.run(EXPIRE, expire_due)
    assert world.seen("ana", request)["status"] == "expired"


def test_deny_ends_it_and_allow_does_not(world) -> None:
    request = world.submit(payload={"amount": 50})
    allowed = world.revise(request, amount=5)
    assert (allowed["status"], allowed["plan"]["effect"]) == ("pending", "ask")
    assert allowed["plan"]["notes"] == [STILL_ASKED]
    denied = world.revise(request, amount=20_000)
    assert (denied["status"], denied["basis"]) == ("rejected", "policy")
    assert "By hand." in denied["message"]
    assert world.seen("ana", request)["revision"] == 3
    assert world.kinds(request)[-1] == "request.rejected"


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [({"amount": -1}, "/payload/amount"), ({}, "/payload"), ({"amount": 50}, "/payload")],
)
def test_a_revision_that_does_not_fit_changes_nothing(world, payload, pointer) -> None:
    request = world.submit(payload={"amount": 50})
    problem = refused(world.revise, request, **payload)
    assert (problem.status, problem.errors[0].pointer) == (422, pointer)
    assert world.seen("ana", request)["revision"] == 1
    assert world.kinds(request) == ["request.submitted"]


def test_revisions_have_an_end(world) -> None:
    request = world.submit(payload={"amount": 50})
    for number in range(MAX_REVISIONS - 1):
        world.revise(request, amount=51 + number)
    problem = refused(world.revise, request, amount=1)
    assert (problem.status, problem.code) == (409, "too_many_revisions")


# -- edit ----------------------------------------------------------------------------------------


def test_an_edit_makes_a_revision_that_its_author_agrees_to(world) -> None:
    request = world.submit(payload={"amount": 50, "iban": "DE1"})
    edited = world.decide("ana", request, "edit", edits={"/amount": 40})
    assert (edited["status"], edited["basis"], edited["revision"]) == ("approved", "people", 2)
    assert edited["revised_by"]["name"] == "Ana"
    assert edited["payload"] == {"amount": 40, "iban": "•••"}
    assert [(one["verdict"], one["revision"], one["void"]) for one in edited["decisions"]] == [
        ("edit", 2, None)
    ]
    assert "The payload was changed" in edited["message"]
    assert world.kinds(request) == [
        "request.submitted",
        "request.revised",
        "decision.recorded",
        "request.approved",
    ]


def test_an_edit_voids_what_others_said_before(world) -> None:
    request = world.submit(payload={"amount": 2000})
    second = world.decide("ben", request)
    edited = world.decide("caro", second, "edit", edits={"/amount": 1500})
    # Caro is not asked at the first stage of the new plan: her edit stands, her vote does not.
    assert (edited["status"], edited["stage"], edited["revision"]) == ("pending", 0, 2)
    assert [
        (one["person"]["name"], one["verdict"], bool(one["void"])) for one in edited["decisions"]
    ] == [
        ("Ben", "approve", True),
        ("Caro", "edit", True),
    ]
    assert world.kinds(request)[-3:] == ["decision.voided", "decision.recorded", "decision.voided"]


def test_an_edit_upwards_asks_whoever_the_larger_sum_asks(world) -> None:
    request = world.submit(payload={"amount": 50})
    edited = world.decide("ana", request, "edit", edits={"/amount": 2000})
    assert (edited["status"], edited["stage"]) == ("pending", 1)
    assert edited["plan"]["rule"] == "Large"
    # Ana agreed at the first stage; the second asks two others.
    problem = refused(world.decide, "ana", edited)
    assert (problem.status, problem.code) == (403, "approved_earlier")
    world.decide("caro", edited)
    assert world.decide("dan", edited)["status"] == "approved"


def test_policy_refuses_what_an_edit_makes_of_it(world) -> None:
    request = world.submit(payload={"amount": 50})
    edited = world.decide("ana", request, "edit", edits={"/amount": 20_000})
    assert (edited["status"], edited["basis"]) == ("rejected", "policy")
    assert [(one["verdict"], one["void"]) for one in edited["decisions"]] == [
        ("edit", "Policy refuses the changed payload.")
    ]


@pytest.mark.parametrize(
    ("edits", "pointer", "code"),
    [
        ({"/iban": "DE2"}, "/edits/~1iban", "not_editable"),
        ({"": {"amount": 1}}, "/edits/", "not_editable"),
        ({"/amount/x": 1}, "/edits/~1amount~1x", "not_there"),
        ({"/amount": -5}, "/edits/~1amount", "minimum"),
        ({"/note": "far too long a note"}, "/edits/~1note", "maxLength"),
        ({"amount": 1}, "/edits/amount", "not_a_pointer"),
        ({"/amount": 1, "/amount/x": 2}, "/edits/~1amount~1x", "overlaps"),
    ],
)
def test_an_edit_that_cannot_be_made_names_its_place(world, edits, pointer, code) -> None:
    request = world.submit(payload={"amount": 50, "iban": "DE1"})
    problem = refused(world.decide, "ana", request, "edit", edits=edits)
    assert problem.status == 422
    assert (problem.errors[0].pointer, problem.errors[0].code) == (pointer, code)
    assert world.kinds(request) == ["request.submitted"]


def test_edits_go_with_the_verdict_edit_alone(world) -> None:
    request = world.submit(payload={"amount": 50})
    assert refused(world.decide, "ana", request, "edit").errors[0].code == "edits_required"
    problem = refused(world.decide, "ana", request, "approve", edits={"/amount": 1})
    assert problem.errors[0].code == "not_with_verdict"


def test_nobody_edits_what_they_could_not_decide(world) -> None:
    request = world.submit(payload={"amount": 50})
    problem = refused(world.decide, "caro", request, "edit", edits={"/amount": 1})
    assert problem.status == 404
    problem = refused(world.decide, "olivia", request, "edit", edits={"/amount": 1})
    assert (problem.status, problem.code) == (403, "own_agent")


# -- no road leads past the policy -----------------------------------------------------------------


def climb(world, road):
    """Try to have 9,000 approved by Ana alone."""
    request = world.submit(payload={"amount": 200})
    return road(world, request)


def by_revision(world, request):
    return world.decide("ana", world.revise(request, amount=9000))


def by_edit(world, request):
    return world.decide("ana", request, "edit", edits={"/amount": 9000})


def by_return_and_revision(world, request):
    world.decide("ana", request, "return", comment="More, please")
    return world.decide("ana", world.revise(request, amount=9000))


def by_a_harmless_step_between(world, request):
    world.revise(request, amount=5)
    return world.decide("ana", world.revise(request, amount=9000))


def by_edit_after_edit(world, request):
    world.revise(request, amount=5)
    return world.decide("ana", world.seen("ana", request), "edit", edits={"/amount": 9000})


@pytest.mark.parametrize(
    "road",
    [by_revision, by_edit, by_return_and_revision, by_a_harmless_step_between, by_edit_after_edit],
)
def test_no_road_climbs_past_the_policy(world, road) -> None:
    ended = climb(world, road)
    assert (ended["status"], ended["stage"], ended["payload"]["amount"]) == ("pending", 1, 9000)
    world.decide("caro", ended)
    assert world.decide("dan", ended)["status"] == "approved"


def test_an_edit_and_an_approval_in_the_same_instant(world) -> None:
    """Whichever is first, the other sees another payload; never is a sum approved that nobody saw."""
    for _ in range(100):
        request = world.submit(payload={"amount": 200})
        answers = together(
            [
                partial(world.decide, "ana", request, "edit", edits={"/amount": 9000}),
                partial(world.decide, "ben", request),
            ]
        )
        lost = [one for one in answers if isinstance(one, Problem)]
        assert len(lost) == 1, answers
        seen = world.seen("ana", request)
        if seen["status"] == "approved":
            assert (seen["payload"]["amount"], lost[0].code) == (200, "request_ended")
        else:
            assert (seen["payload"]["amount"], seen["stage"]) == (9000, 1)
            assert lost[0].code == "stale_payload"


def test_a_revision_and_an_approval_in_the_same_instant(world) -> None:
    for _ in range(100):
        request = world.submit(payload={"amount": 200})
        answers = together(
            [partial(world.revise, request, amount=9000), partial(world.decide, "ana", request)]
        )
        assert len([one for one in answers if isinstance(one, Problem)]) == 1, answers
        seen = world.seen("ana", request)
        amount = 200 if seen["status"] == "approved" else 9000
        assert seen["payload"]["amount"] == amount


def test_what_was_revised_counts_when_it_was_revised(world) -> None:
    """A sum over a day finds what an old request was raised to within that day."""
    world.apply(
        rules=[
            {
                **SMALL,
                "when": 'payload.amount <= 10 && agent.sum("payments.refund", "/amount", "1h") <= 100',
            },
            REST,
        ]
    )
    old = world.submit(payload={"amount": 50})
    travel(uuid_of(old), hours=2)
    assert world.submit(payload={"amount": 5})["status"] == "approved"
    world.revise(old, amount=90)
    world.revise(old, amount=99)
    assert world.submit(payload={"amount": 5})["status"] == "pending"


def test_a_revision_does_not_count_itself(world) -> None:
    world.apply(
        rules=[
            {**NEVER, "when": 'agent.sum("payments.refund", "/amount", "1h") > 100'},
            REST,
        ]
    )
    request = world.submit(payload={"amount": 101})
    assert world.revise(request, amount=150)["status"] == "pending"


def test_somebody_deactivated_between_edit_and_end_counts_no_more(world) -> None:
    request = world.submit(payload={"amount": 50})
    edited = world.decide("ana", request, "edit", edits={"/amount": 2000})
    deactivate_person(actor=TEST, person=world.people["ana"])
    reopened = world.decide("caro", edited)
    assert (reopened["status"], reopened["stage"]) == ("pending", 0)
