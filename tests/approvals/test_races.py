"""Whatever races: one outcome, nothing stuck, nothing counted twice (guarantees 2 and 3).

Threads on real transactions.  The number of rounds is part of the claim: a race that is lost once in
a hundred rounds shows here.
"""

from __future__ import annotations

import json
from functools import partial

import pytest

from agents.authentication import authenticate
from approvals.cancel import cancel_by_agent
from approvals.ends import EXPIRE
from core import due
from core.db import pool
from core.problems import Problem
from escalations.expiry import expire_due
from tests.approvals.world import World, told, uuid_of
from tests.clock import travel
from tests.promises import ask as rows
from tests.together import together

ROUNDS = 500


def ask(approvals, rejections=1, **more):
    return {
        "name": "Ask",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {
            "stages": [{"any_of": ["lead"], "approvals": approvals, "rejections": rejections}],
            **more,
        },
    }


def state(request):
    """Status, outcome events and live votes of a request, straight from the rows."""
    found = rows(
        """SELECT r.status,
                  (SELECT count(*) FROM audit_event e WHERE e.subject = r.id AND e.kind IN
                   ('request.approved', 'request.rejected', 'request.expired', 'request.cancelled')),
                  (SELECT count(*) FROM approvals_decision d WHERE d.request_id = r.id AND d.void_at IS NULL)
             FROM approvals_request r WHERE r.id = %s""",
        uuid_of(request),
    )
    return found[0]


def test_two_voters_in_the_same_instant_are_never_stuck():
    world = World({"lead": ["ana", "ben"]}, [ask(2)])
    for _ in range(ROUNDS):
        request = world.submit()
        answers = together([partial(world.decide, name, request) for name in ("ana", "ben")])
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert state(request) == ("approved", 1, 2)


def test_five_voters_with_a_threshold_against_end_it_once():
    names = ["ana", "ben", "caro", "dan", "eve"]
    world = World({"lead": names}, [ask(3, 2)])
    outcomes = set()
    for number in range(ROUNDS):
        request = world.submit()
        against = (
            {names[number % 5], names[(number + 2) % 5]} if number % 2 else {names[number % 5]}
        )
        answers = together(
            [
                partial(world.decide, name, request, "reject" if name in against else "approve")
                for name in names
            ]
        )
        refused = [answer for answer in answers if isinstance(answer, Exception)]
        assert all(
            isinstance(answer, Problem) and answer.code == "request_ended" for answer in refused
        )
        status, ends, votes = state(request)
        outcomes.add(status)
        # Four for and one against can only be approved; with two against the order of commits decides.
        assert status in ({"approved", "rejected"} if len(against) == 2 else {"approved"})
        assert (ends, votes) == (1, 5 - len(refused))
        assert all(told(answer)["status"] == status for answer in refused)
    assert outcomes == {"approved", "rejected"}


def test_a_hundred_decisions_at_once_have_one_winner():
    names = [f"p{number}" for number in range(50)]
    world = World({"lead": names}, [ask(1)])
    request = world.submit()
    calls = [
        partial(world.decide, name, request, verdict)
        for name, verdict in zip(names * 2, ["approve"] * 50 + ["reject"] * 50, strict=True)
    ]
    answers = together(calls)
    won = [answer for answer in answers if not isinstance(answer, Exception)]
    lost = [answer for answer in answers if isinstance(answer, Problem) and answer.status == 409]
    assert (len(won), len(lost)) == (1, 99)
    assert {told(problem)["id"] for problem in lost} == {request["id"]}
    assert state(request) == (won[0]["status"], 1, 1)


@pytest.mark.parametrize("round_", range(40))
def test_decide_expire_and_cancel_in_the_same_instant(round_):
    world = World({"lead": ["ana"]}, [ask(1)])
    request = world.submit()
    travel(
        uuid_of(request), seconds=24 * 3600 - 0.02
    )  # falls due while the others are on their way

    def cancel():
        with pool().connection() as conn:
            caller = authenticate(conn, f"Bearer {world.key.token}")
        return json.loads(cancel_by_agent(caller=caller, request_id=uuid_of(request)))

    answers = together(
        [
            lambda: world.decide("ana", request),
            cancel,
            lambda: due.run(EXPIRE, expire_due, window_s=0.1),
        ]
    )
    status, ends, _ = state(request)
    assert status in {"approved", "expired", "cancelled"}
    assert ends == 1
    for answer in answers[:2]:
        assert not isinstance(answer, Exception) or (
            isinstance(answer, Problem) and answer.status == 409
        )


def test_a_decision_survives_meeting_a_policy_head_on():
    world = World({"lead": ["ana", "ben"]}, [ask(2)])
    request = world.submit()
    world.decide("ana", request)
    seats = rows(
        "SELECT m.id FROM people_membership m WHERE m.workspace_id = %s ORDER BY m.ctid",
        world.workspace.id,
    )
    (first,), (second,) = seats
    touch = "UPDATE people_membership SET valid_until = NULL WHERE id = %s"

    def reconcile():
        with pool().connection() as conn, conn.transaction():
            conn.execute(touch, [second])
            conn.execute("SELECT pg_sleep(0.3)")  # the decision holds the other row by now
            conn.execute(touch, [first])

    answers = together([reconcile, partial(world.decide, "ben", request)])
    assert not isinstance(answers[1], Exception), repr(answers[1])
    # PostgreSQL ends whichever noticed the deadlock first: the decision never fails by it.
    assert answers[1] == {**answers[1], "status": "approved"}
    assert state(request) == ("approved", 1, 2)
