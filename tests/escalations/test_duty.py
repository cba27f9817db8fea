"""Who is on duty is who is told; everybody in the role may still decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from approvals.on_duty import those_on_duty
from approvals.sql import ESCALATE
from approvals.turning import DUTY_TURN, duty_turns
from core.db import pool
from notifications.sql import TELL
from people.schedules import business, overrides
from people.schedules.duty import spec_of
from tests.approvals.world import TEST, uuid_of
from tests.escalations.desk import EscalationDesk


@pytest.fixture
def desk(box):
    return EscalationDesk(box)


def put_on_duty(desk, *names, until=None, then=()):
    """These people are on duty now; from `until` on, those of `then`."""
    now = datetime.now(UTC).replace(microsecond=0)
    begin = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    shifts = (
        [{"who": [desk.world.email(n) for n in names], "rotate": "none", "from": begin}]
        if names
        else []
    )
    if until is not None:
        cut = (now + until).strftime("%Y-%m-%dT%H:%M")
        for one in shifts:
            one["until"] = cut
        shifts.append({"who": [desk.world.email(n) for n in then], "rotate": "none", "from": cut})
    if not shifts:
        begin = (now + timedelta(days=300)).strftime("%Y-%m-%dT%H:%M")
        shifts = [{"who": [desk.world.email("ana")], "rotate": "none", "from": begin}]
    desk.world.policy["roles"]["lead"]["schedule"] = "desk"
    desk.world.apply(schedules={"desk": {"timezone": "UTC", "shifts": shifts}})


def told(desk):
    return [name for name in ("ana", "ben") if desk.mails(name)]


def test_who_is_on_duty_is_told_and_the_rest_of_the_role_may_decide(desk):
    put_on_duty(desk, "ana")
    request = desk.asked()
    assert told(desk) == ["ana"]
    assert desk.world.decide("ben", request)["status"] == "approved"


def test_where_nobody_is_on_duty_everybody_is_told(desk):
    put_on_duty(desk)
    desk.asked()
    assert told(desk) == ["ana", "ben"]


def test_who_stands_in_for_the_one_on_duty_is_told_and_nobody_else(desk):
    put_on_duty(desk, "ana")
    desk.world.away("ana", stand_in="mia")
    request = desk.asked()
    assert [name for name in ("ana", "ben", "mia") if desk.mails(name)] == ["mia"]
    assert desk.world.decide("mia", request)["status"] == "approved"


def test_who_is_on_duty_and_could_not_decide_is_not_the_one_to_tell(desk):
    # Mia is no lead: that she is on duty helps nobody.
    put_on_duty(desk, "mia")
    desk.asked()
    assert told(desk) == ["ana", "ben"]
    assert desk.mails("mia") == []


def test_once_the_one_on_duty_has_decided_the_others_are_told(box):
    desk = EscalationDesk(box, stages=[{"any_of": ["lead"], "approvals": 2}])
    put_on_duty(desk, "ana")
    request = desk.asked()
    assert told(desk) == ["ana"]
    desk.world.decide("ana", request)
    desk.work()
    assert told(desk) == ["ana", "ben"]


def test_at_the_handover_the_next_one_is_told_and_only_one_look_is_promised(desk):
    put_on_duty(desk, "ana", until=timedelta(hours=2), then=["ben"])
    request = desk.asked()
    assert told(desk) == ["ana"]
    for _ in range(2):
        desk.tell_again(request)
    with pool().connection() as conn:
        promised = conn.execute(
            "SELECT due_at - clock_timestamp() FROM core_due WHERE subject = %s AND kind = %s",
            [uuid_of(request), TELL],
        ).fetchall()
    [(left,)] = promised
    assert timedelta(hours=1, minutes=58) < left <= timedelta(hours=2)
    # Ben's turn has come: what was promised is looked at.
    put_on_duty(desk, "ben")
    desk.later(hours=2, minutes=1)
    desk.work()
    assert told(desk) == ["ana", "ben"]
    assert len(desk.mails("ana")) == 1


def test_whoever_takes_over_by_an_override_is_told_of_what_waits(desk):
    put_on_duty(desk, "ana")
    request = desk.asked()
    assert told(desk) == ["ana"]
    now = datetime.now(UTC)
    overrides.override(
        actor=TEST,
        workspace=desk.world.workspace.id,
        schedule="desk",
        wanted=overrides.Wanted(desk.world.people["ben"].id, now, now + timedelta(hours=3)),
        who=overrides.Who(None, administers=True),
    )
    assert duty_turned(desk) == 1
    desk.work()
    assert told(desk) == ["ana", "ben"]
    assert len(desk.mails("ana")) == 1
    assert desk.world.decide("ben", request)["status"] == "approved"


def test_a_policy_that_puts_somebody_else_on_duty_tells_them_and_one_that_does_not_tells_nobody(
    desk,
):
    put_on_duty(desk, "ana")
    desk.asked()
    duty_turned(desk)
    desk.world.policy["rules"][0]["reason"] = "Because."
    desk.world.apply()
    assert duty_turned(desk) == 0
    put_on_duty(desk, "ben")
    assert duty_turned(desk) == 1
    desk.work()
    assert told(desk) == ["ana", "ben"]


def duty_turned(desk):
    """Keep what is promised where somebody else may be on duty; how many promises there were."""
    claimed = desk.claim(DUTY_TURN)
    if claimed:
        duty_turns(claimed)
    return len(claimed)


def test_a_reminder_goes_to_who_is_on_duty_now(box):
    desk = EscalationDesk(box, [{"after": "1h", "remind": True}])
    put_on_duty(desk, "ana")
    request = desk.asked()
    put_on_duty(desk, "ben")
    desk.after(request, minutes=61)
    assert [subject.partition(":")[0] for subject in desk.subjects("ben")][-1] == "Reminder"
    assert len(desk.mails("ana")) == 1


def test_a_step_tells_who_is_on_duty_by_a_schedule(box):
    desk = EscalationDesk(box)
    world = desk.world
    world.policy["rules"][0]["ask"]["escalation"] = "money"
    begin = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    world.apply(
        schedules={
            "night": {"timezone": "UTC", "shifts": [{"who": [world.email("mia")], "from": begin}]}
        },
        escalations={"money": [{"after": "1h", "notify": "schedule:night"}]},
    )
    request = desk.asked()
    desk.after(request, minutes=61)
    assert desk.steps(request) == [(0, "notify", "fired")]
    assert len(desk.mails("mia")) == 1
    assert world.seen("mia", request)["id"] == request["id"]


def test_only_open_hours_count_where_policy_says_so(box):
    desk = EscalationDesk(box)
    world = desk.world
    # Open one hour a day: three hours of business are over the day after tomorrow at the earliest.
    now = datetime.now(UTC)
    opens = (now + timedelta(hours=2)).strftime("%H:00")
    closes = (now + timedelta(hours=3)).strftime("%H:00")
    closes = "24:00" if closes == "00:00" else closes
    world.policy["roles"]["lead"]["schedule"] = "desk"
    world.policy["rules"][0]["ask"] |= {"expires_in": "3h of business", "escalation": "money"}
    world.apply(
        schedules={
            "desk": {
                "timezone": "UTC",
                "shifts": [{"who": [world.email("ana")], "hours": f"Mo-Su {opens}-{closes}"}],
            }
        },
        escalations={"money": [{"after": "90m of business", "remind": True}]},
    )
    request = world.submit()
    with pool().connection() as conn:
        schedule = spec_of(conn, world.workspace.id, "desk")
    assert schedule is not None
    asked_at = datetime.fromisoformat(request["created_at"])
    until = business.add(schedule, asked_at, timedelta(hours=3))
    assert until is not None
    expires_at = datetime.fromisoformat(request["expires_at"])
    assert abs(expires_at - until) <= timedelta(seconds=1)
    assert timedelta(days=2) < until - asked_at < timedelta(days=3)
    desk.escalate()
    assert desk.steps(request) == []
    due = business.add(schedule, asked_at, timedelta(minutes=90))
    assert due is not None
    with pool().connection() as conn:
        [(promised,)] = conn.execute(
            "SELECT due_at FROM core_due WHERE subject = %s AND kind = %s",
            [uuid_of(request), ESCALATE],
        ).fetchall()
    assert abs(promised - due) < timedelta(seconds=1)


ANA, BEN, CARO = uuid4(), uuid4(), uuid4()


@pytest.mark.parametrize(
    ("asked", "scheduled", "on", "expected"),
    [
        ({ANA: ("a",), BEN: ("a",)}, {"a": "s"}, {"s": [ANA]}, {ANA: ("a",)}),
        ({ANA: ("a",), BEN: ("a",)}, {"a": "s"}, {"s": []}, {ANA: ("a",), BEN: ("a",)}),
        ({ANA: ("a",), BEN: ("a",)}, {"a": "s"}, {}, {ANA: ("a",), BEN: ("a",)}),
        # Ben is asked by two roles, of which only one has a schedule.
        ({ANA: ("a",), BEN: ("a", "b")}, {"a": "s"}, {"s": [ANA]}, {ANA: ("a",), BEN: ("b",)}),
        ({ANA: ("a",), BEN: ("b",)}, {"a": "s", "b": "t"}, {"s": [ANA], "t": [CARO]}, {ANA: ("a",), BEN: ("b",)}),
        # Who confirms is asked by no role.
        ({ANA: ()}, {"a": "s"}, {"s": [BEN]}, {ANA: ()}),
    ],
)  # fmt: skip
def test_duty_by_table(asked, scheduled, on, expected):
    assert those_on_duty(asked, scheduled, on) == expected
