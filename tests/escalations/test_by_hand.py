"""What people may do to the clock: the next step now, more time once, and seeing it all; over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from escalations.models import Step
from tests.api.tenant import Person
from tests.approvals.world import uuid_of
from tests.clock import travel
from tests.escalations.desk import EscalationDesk
from tests.server import Live
from tests.together import together

STEPS: list[dict[str, Any]] = [
    {"after": "1h", "remind": True},
    {"after": "2h", "widen": "role:manager"},
    {"after": "3h", "expire": True},
]


@pytest.fixture
def desk(box) -> EscalationDesk:
    return EscalationDesk(box, STEPS, extend="2h")


def person(server: Live, desk: EscalationDesk, name: str) -> Person:
    return Person(server, desk.world.people[name])


def post(who: Person, request: dict[str, Any], name: str, **body: Any) -> Any:
    return who.call("POST", f"/requests/{request['id']}/{name}", json=body)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_the_next_step_is_taken_now_and_the_rest_keeps_its_time(server, desk):
    request = desk.asked()
    ana = person(server, desk, "ana")
    assert post(ana, request, "escalate").status_code == 200
    assert desk.steps(request) == [(0, "remind", "fired")]
    step = desk.step(request)
    assert (step.cause, step.by_id) == ("person", desk.world.people["ana"].id)
    event = desk.world.events(request)[-1]
    assert (event["kind"], event["actor"]["type"], event["data"]["cause"]) == (
        "escalation.stepped", "person", "person",
    )  # fmt: skip
    desk.post()
    assert desk.subjects("ben")[-1].startswith("Reminder")
    # Who said so knows.
    assert len(desk.mails("ana")) == 1
    answer = post(ana, request, "escalate").json()
    assert [role["name"] for role in answer["plan"]["stages"][0]["roles"]] == ["lead", "manager"]
    assert desk.world.decide("mia", request)["status"] == "approved"


def test_nobody_calls_for_the_deadline(server, desk):
    request = desk.asked()
    ana = person(server, desk, "ana")
    for _ in range(2):
        post(ana, request, "escalate")
    assert code(post(ana, request, "escalate")) == (409, "nothing_to_escalate")
    assert desk.world.seen("ana", request)["status"] == "pending"


def test_two_who_escalate_at_once_take_two_steps(server, desk):
    request = desk.asked()
    ana, ben = (person(server, desk, name) for name in ("ana", "ben"))
    answers = together(
        [lambda: post(ana, request, "escalate"), lambda: post(ben, request, "escalate")]
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [(n, kind) for n, kind, _ in desk.steps(request)] == [(0, "remind"), (1, "widen")]


def test_who_is_not_asked_escalates_and_extends_nothing(server, desk):
    request = desk.asked()
    for name in ("mia", "olivia"):
        who = person(server, desk, name)
        expected = (404, "not_found") if name == "mia" else (403, "not_asked")
        assert code(post(who, request, "escalate")) == expected
        assert code(post(who, request, "extend", by="1h", reason="Later.")) == expected
    assert desk.steps(request) == []
    assert desk.world.kinds(request) == ["request.submitted"]


def test_what_waits_for_its_agent_or_has_ended_escalates_no_more(server, desk):
    request = desk.asked()
    ana = person(server, desk, "ana")
    desk.world.decide("ben", request, "return", comment="Which?")
    assert code(post(ana, request, "escalate")) == (409, "waiting_on_agent")
    desk.world.say(request, "That one.")
    desk.world.decide("ana", request)
    assert code(post(ana, request, "escalate")) == (409, "request_ended")
    assert code(post(ana, request, "extend", by="1h", reason="Later.")) == (409, "request_ended")
    assert not Step.objects.filter(request_id=uuid_of(request)).exists()


def test_more_time_is_given_once_with_a_reason(server, desk):
    request = desk.asked()
    ana = person(server, desk, "ana")
    answer = post(ana, request, "extend", by="90m", reason="The customer <b>answers</b> today.")
    assert answer.status_code == 200, answer.text
    after = answer.json()
    moved = datetime.fromisoformat(after["expires_at"]) - datetime.fromisoformat(
        request["expires_at"]
    )
    assert moved == timedelta(minutes=90)
    assert after["extended_by"]["person"]["name"] == "Ana"
    assert after["sequence"] > request["sequence"]
    event = desk.world.events(request)[-1]
    assert (event["kind"], event["data"]) == (
        "request.extended",
        {
            "revision": 1,
            "before": event["data"]["before"],
            "expires_at": event["data"]["expires_at"],
            "message": after["messages"][-1]["id"],
        },
    )
    assert (after["messages"][-1]["kind"], after["messages"][-1]["text"]) == (
        "comment",
        "The customer <b>answers</b> today.",
    )
    assert "customer" not in str(event)
    assert code(post(ana, request, "extend", by="1h", reason="Once more.")) == (
        409,
        "extended_already",
    )
    # The old deadline passes, and nothing ends.
    desk.world.policy["rules"][0]["ask"].pop("escalation")
    travel(uuid_of(request), hours=2, minutes=59)
    desk.escalate()
    assert desk.world.seen("ana", request)["status"] == "pending"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"by": "3h", "reason": "Long."}, "/by"),
        ({"by": "soon", "reason": "Long."}, "/by"),
        ({"by": "1h", "reason": " "}, "/reason"),
        ({"by": "1h"}, ""),
    ],
)
def test_more_time_than_policy_allows_or_without_a_reason_is_refused(server, desk, body, pointer):
    request = desk.asked()
    answer = post(person(server, desk, "ana"), request, "extend", **body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert desk.world.seen("ana", request)["expires_at"] == request["expires_at"]


def test_two_who_extend_at_once_extend_once(server, desk):
    request = desk.asked()
    ana, ben = (person(server, desk, name) for name in ("ana", "ben"))
    body = {"by": "1h", "reason": "Later."}
    answers = together(
        [lambda: post(ana, request, "extend", **body), lambda: post(ben, request, "extend", **body)]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    moved = datetime.fromisoformat(desk.world.seen("ana", request)["expires_at"])
    assert moved - datetime.fromisoformat(request["expires_at"]) == timedelta(hours=1)


def test_a_rule_that_says_nothing_gives_no_more_time(server, box):
    desk = EscalationDesk(box)
    request = desk.asked()
    answer = post(person(server, desk, "ana"), request, "extend", by="1h", reason="Later.")
    assert code(answer) == (409, "not_extendable")


def test_a_step_that_lay_beyond_the_deadline_comes_into_reach_when_it_moves(server, box):
    desk = EscalationDesk(box, [{"after": "390m", "remind": True}], extend="2h", expires_in="8h")
    request = desk.asked()
    # Its agent took three hours to answer: the reminder would come after nine and a half hours, past the deadline.
    desk.world.decide("ana", request, "return", comment="Which?")
    travel(uuid_of(request), hours=3)
    desk.world.say(request, "That one.")
    # What was promised for the reminder's first time comes due as well, and finds nothing within reach.
    desk.after(request, hours=4)
    ana = person(server, desk, "ana")
    clock = ana.call("GET", f"/requests/{request['id']}/clock").json()
    assert clock["coming"] == [{"step": 0, "does": "remind", "target": "", "at": None}]
    post(ana, request, "extend", by="2h", reason="It took them long.")
    desk.escalate()
    [coming] = ana.call("GET", f"/requests/{request['id']}/clock").json()["coming"]
    assert coming["at"] is not None
    desk.after(request, hours=2)
    assert desk.steps(request) == []
    desk.after(request, minutes=31)
    assert desk.steps(request) == [(0, "remind", "fired")]


def test_the_clock_is_seen_whole(server, desk):
    request = desk.asked()
    desk.after(request, minutes=61)
    clock = person(server, desk, "ana").call("GET", f"/requests/{request['id']}/clock").json()
    [taken] = clock["taken"]
    assert taken | {"due_at": "", "at": ""} == {
        "revision": 1, "stage": 0, "step": 0, "does": "remind", "target": "", "state": "fired",
        "cause": "clock", "reason": "", "by": None, "told": 2, "due_at": "", "at": "", "undelivered_at": None,
    }  # fmt: skip
    assert [(one["step"], one["does"], one["target"]) for one in clock["coming"]] == [
        (1, "widen", "role:manager"),
        (2, "expire", ""),
    ]
    assert clock["stands_still"] is False
