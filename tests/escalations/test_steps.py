"""What happens while nobody decides: each step once, in its time, with everything that follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.ends import EXPIRE
from core.problems import Problem
from escalations.expiry import expire_due
from notifications.models import Notification
from tests.approvals.world import uuid_of
from tests.escalations.desk import EscalationDesk
from tests.notifications.mail_desk import text_of

REMIND = {"after": "15m", "remind": True}


def test_whoever_has_not_decided_is_reminded_once(box):
    desk = EscalationDesk(box, [REMIND], stages=[{"any_of": ["lead"], "approvals": 2}])
    request = desk.asked()
    desk.world.decide("ana", request)
    desk.after(request, minutes=14)
    assert desk.steps(request) == []
    desk.after(request, minutes=2)
    assert desk.steps(request) == [(0, "remind", "fired")]
    assert len(desk.mails("ana")) == 1
    assert [subject.partition(":")[0] for subject in desk.subjects("ben")] == [
        "Medium risk",
        "Reminder",
    ]
    assert "Reminder: this waits for a decision, 7 h 43 min left." in text_of(desk.mails("ben")[-1])
    step = desk.step(request)
    assert (step.cause, step.told, step.target, step.by_id) == ("clock", 1, "", None)
    event = desk.world.events(request)[-1]
    assert (event["kind"], event["actor"]) == (
        "escalation.stepped",
        {"type": "system", "id": None, "via": "clock"},
    )
    assert event["data"] | {"due_at": ""} == {
        "revision": 1, "stage": 0, "step": 0, "does": "remind", "target": "", "state": "fired",
        "cause": "clock", "reason": "", "due_at": "", "told": 1,
    }  # fmt: skip
    desk.after(request, hours=2)
    assert desk.steps(request) == [(0, "remind", "fired")]
    assert len(desk.mails("ben")) == 2


def test_the_reminder_s_link_leads_where_the_first_mail_s_did(box):
    desk = EscalationDesk(box, [REMIND])
    request = desk.asked()
    desk.after(request, minutes=15)
    first, second = (text_of(mail) for mail in desk.mails("ana"))
    assert first != second
    assert "/m/" in second


def test_who_is_only_told_may_look_and_does_not_decide(box):
    desk = EscalationDesk(box, [{"after": "30m", "notify": "role:manager"}])
    request = desk.asked()
    with pytest.raises(Problem) as unseen:
        desk.world.seen("mia", request)
    assert unseen.value.status == 404
    desk.after(request, minutes=31)
    assert desk.steps(request) == [(0, "notify", "fired")]
    assert "Nobody has decided this for 31 min; 7 h 28 min left." in text_of(desk.mails("mia")[-1])
    assert desk.subjects("mia")[-1].startswith("Nobody has decided: Medium risk")
    assert desk.world.seen("mia", request)["id"] == request["id"]
    with pytest.raises(Problem) as refused:
        desk.world.decide("mia", request)
    assert (refused.value.status, refused.value.code) == (403, "not_asked")
    assert desk.world.seen("ana", request)["status"] == "pending"


def test_somebody_is_told_by_their_address(box):
    desk = EscalationDesk(box)
    address = desk.world.email("mia")
    rule = desk.world.policy["rules"][0]
    rule["ask"]["escalation"] = "money"
    desk.world.apply(escalations={"money": [{"after": "30m", "notify": f"person:{address}"}]})
    request = desk.asked()
    desk.after(request, minutes=31)
    assert len(desk.mails("mia")) == 1
    # What is kept of it names her by id: an address would stay after she was erased.
    assert address not in str(desk.world.events(request))
    assert desk.step(request).target.startswith("person:per_")


def test_one_more_role_may_decide_from_then_on(box):
    desk = EscalationDesk(box, [{"after": "1h", "widen": "role:manager"}])
    request = desk.asked()
    with pytest.raises(Problem):
        desk.world.seen("mia", request)
    desk.after(request, minutes=61)
    assert desk.steps(request) == [(0, "widen", "fired")]
    assert [subject.partition(":")[0] for subject in desk.subjects("mia")] == ["Medium risk"]
    assert desk.world.decide("mia", request)["status"] == "approved"


def test_the_deadline_may_be_a_step(box):
    desk = EscalationDesk(box, [{"after": "2h", "expire": True}])
    request = desk.asked()
    desk.after(request, hours=2)
    assert desk.world.seen("ana", request)["status"] == "expired"
    assert desk.steps(request) == [(0, "expire", "fired")]
    assert set(desk.world.kinds(request)[-2:]) == {"request.expired", "escalation.stepped"}


def test_where_a_rule_says_nothing_half_the_time_reminds_and_three_quarters_tell_the_owner(box):
    desk = EscalationDesk(box)
    request = desk.asked()
    desk.after(request, hours=4, minutes=1)
    assert desk.steps(request) == [(0, "remind", "fired")]
    desk.after(request, hours=2)
    assert desk.steps(request) == [(0, "remind", "fired"), (1, "notify", "fired")]
    assert len(desk.mails("mia")) == 1


def test_who_gives_less_time_is_told_sooner_and_lets_nobody_decide_sooner(box):
    desk = EscalationDesk(
        box, [{"after": "4h", "remind": True}, {"after": "1h", "widen": "role:manager"}]
    )
    request = desk.asked(expires_in="2h")
    assert [step["after_s"] for step in request["plan"]["escalation"]] == [3600, 3600]
    assert [step["does"] for step in request["plan"]["escalation"]] == ["widen", "remind"]


def test_what_passed_during_an_outage_collapses_into_the_latest(box):
    steps: list[dict[str, Any]] = [
        REMIND,
        {"after": "20m", "notify": "role:manager"},
        {"after": "25m", "widen": "role:manager"},
        {"after": "30m", "remind": True},
    ]
    desk = EscalationDesk(box, steps)
    request = desk.asked()
    desk.after(request, minutes=40)
    assert desk.steps(request) == [
        (0, "remind", "collapsed"),
        (1, "notify", "collapsed"),
        (2, "widen", "fired"),
        (3, "remind", "fired"),
    ]
    assert desk.step(request, 0).reason == "a later step was due as well"
    # One reminder each; Mia is asked now, and reminded with the rest.
    assert len(desk.mails("ana")) == 2
    steps_told = [event["data"] for event in desk.world.events(request)[1:]]
    assert [(one["step"], one["state"]) for one in steps_told] == [
        (0, "collapsed"), (1, "collapsed"), (2, "fired"), (3, "fired"),
    ]  # fmt: skip


def test_a_step_that_passed_with_the_deadline_reaches_nobody_whichever_is_looked_at_first(box):
    desk = EscalationDesk(box, [REMIND], expires_in="1h")
    request = desk.asked()
    desk.after(request, hours=2)  # the steps first
    assert desk.steps(request) == []
    expire_due(desk.claim(EXPIRE))
    desk.escalate()
    assert desk.steps(request) == [(0, "remind", "collapsed")]
    assert desk.step(request).reason == "its deadline had passed as well"
    assert [event["kind"] for event in desk.world.events(request)[1:]] == [
        "escalation.stepped",
        "request.expired",
    ]
    assert not [subject for subject in desk.subjects("ben") if subject.startswith("Reminder")]


def test_while_the_agent_answers_the_clock_stands_still(box):
    desk = EscalationDesk(box, [{"after": "1h", "remind": True}])
    request = desk.asked()
    desk.after(request, minutes=50)
    desk.world.decide("ana", request, "return", comment="Which order?")
    desk.after(request, hours=3)
    assert desk.steps(request) == []
    desk.world.say(request, "A-1042")
    desk.escalate()
    assert desk.steps(request) == []
    desk.after(request, minutes=9)
    assert desk.steps(request) == []
    desk.after(request, minutes=2)
    assert desk.steps(request) == [(0, "remind", "fired")]


def test_each_stage_has_a_clock_of_its_own_and_what_closed_is_void(box):
    desk = EscalationDesk(
        box,
        [{"after": "1h", "remind": True}],
        stages=[{"any_of": ["lead"]}, {"any_of": ["manager"]}],
    )
    request = desk.asked()
    desk.after(request, minutes=50)
    desk.world.decide("ana", request)
    desk.after(request, minutes=30)
    assert desk.steps(request) == []
    desk.after(request, minutes=31)
    assert desk.steps(request) == [(0, "remind", "fired")]
    assert desk.step(request).stage == 1
    assert len(desk.mails("mia")) == 2
    assert len(desk.mails("ben")) == 1


def test_nothing_follows_once_it_is_decided(box):
    desk = EscalationDesk(box, [REMIND])
    request = desk.asked()
    desk.world.decide("ana", request)
    desk.after(request, hours=1)
    assert desk.steps(request) == []
    assert len(desk.mails("ben")) == 1


def test_a_step_that_can_do_nothing_says_why_and_the_next_is_taken_in_its_place(box):
    desk = EscalationDesk(
        box, [{"after": "10m", "page": "nobody"}, {"after": "3h", "notify": "role:manager"}]
    )
    request = desk.asked()
    desk.after(request, minutes=10)
    desk.escalate()
    assert desk.steps(request) == [(0, "page", "skipped"), (1, "notify", "fired")]
    assert desk.step(request).reason == "there is no pager of that name"
    assert desk.step(request, 1).cause == "unreached"
    assert len(desk.mails("mia")) == 1


def test_a_step_whose_every_message_is_lost_is_a_fact_and_the_next_is_taken(box):
    desk = EscalationDesk(box, [REMIND, {"after": "3h", "notify": "role:manager"}])
    request = desk.asked()
    box.unknown = {desk.world.email("ana"), desk.world.email("ben")}
    desk.after(request, minutes=16)
    assert desk.steps(request) == [(0, "remind", "fired")]
    for _ in range(2):
        desk.escalate()
    assert desk.steps(request) == [(0, "remind", "fired"), (1, "notify", "fired")]
    assert desk.step(request).undelivered_at is not None
    assert desk.step(request, 1).cause == "unreached"
    assert "escalation.undelivered" in desk.world.kinds(request)
    assert len(desk.mails("mia")) == 1


def test_a_request_that_reaches_nobody_escalates_at_once(box):
    desk = EscalationDesk(
        box, [{"after": "2h", "remind": True}, {"after": "3h", "widen": "role:manager"}]
    )
    box.unknown = {desk.world.email("ana"), desk.world.email("ben")}
    request = desk.world.submit()
    for _ in range(4):
        desk.work()
        desk.after(request, seconds=11)
    assert [(n, kind) for n, kind, _ in desk.steps(request)] == [(0, "remind"), (1, "widen")]
    assert desk.step(request, 1).cause == "unreached"
    assert [mail.to for mail in desk.mails("mia")] == [[desk.world.email("mia")]]
    assert desk.world.decide("mia", request)["status"] == "approved"


def test_via_chooses_the_channels_and_falls_back_to_those_there_are(box):
    desk = EscalationDesk(box, [REMIND | {"via": ["push"]}])
    request = desk.asked()
    desk.after(request, minutes=16)
    told = Notification.objects.filter(request_id=uuid_of(request), kind="reminder")
    assert {one.channel for one in told} == {"email"}


def test_where_no_channel_is_set_up_each_step_keeps_its_time(box, settings):
    """Nobody is let in sooner because nobody is told by anything: people look at their pages."""
    desk = EscalationDesk(box, [REMIND, {"after": "3h", "widen": "role:manager"}])
    settings.SMTP = None
    request = desk.world.submit()
    desk.tell()
    desk.after(request, minutes=16)
    for _ in range(3):
        desk.after(request, seconds=30)
    assert desk.steps(request) == [(0, "remind", "skipped")]
    assert desk.step(request).reason == "no channel is set up"
    desk.after(request, hours=3)
    assert desk.steps(request) == [(0, "remind", "skipped"), (1, "widen", "fired")]
    assert desk.step(request, 1).cause == "clock"


def test_a_role_that_is_empty_by_now_moves_the_next_step_forward(box):
    desk = EscalationDesk(
        box, [{"after": "15m", "notify": "role:manager"}, {"after": "3h", "remind": True}]
    )
    request = desk.asked()
    desk.world.policy["roles"]["manager"] = {"title": "Manager"}
    desk.world.apply()
    desk.after(request, minutes=16)
    desk.escalate()
    assert desk.steps(request) == [(0, "notify", "skipped"), (1, "remind", "fired")]
    assert desk.step(request, 1).cause == "unreached"
