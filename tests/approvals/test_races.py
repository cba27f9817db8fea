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
from tests.approvals.world import World, uuid_of
from tests.clock import travel
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
    with pool().connection() as conn:
        status = conn.execute(
            "SELECT status FROM approvals_request WHERE id = %s", [uuid_of(request)]
        )
        ends = conn.execute(
            "SELECT count(*) FROM audit_event WHERE subject = %s AND kind IN "
            "('request.approved', 'request.rejected', 'request.expired', 'request.cancelled')",
            [uuid_of(request)],
        )
        votes = conn.execute(
            "SELECT count(*) FROM approvals_decision WHERE request_id = %s AND void_at IS NULL",
            [uuid_of(request)],
        )
        return (status.fetchone()[0], ends.fetchone()[0], votes.fetchone()[0])


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
        assert all(answer.extra["request"]["status"] == status for answer in refused)
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
    assert {problem.extra["request"]["id"] for problem in lost} == {request["id"]}
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
