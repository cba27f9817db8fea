"""A rehearsal says what then happens: each request is rehearsed, and then let pass moment by moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.deadline import meet
from core import ids
from core.db import pool
from core.problems import Problem
from escalations.models import Step
from escalations.rehearsal import Moment
from escalations.rehearsing import Draft, Rehearsed, of_draft, of_request
from notifications.models import Notification
from people import absences
from tests.approvals.world import TEST, uuid_of
from tests.clock import travel
from tests.escalations.desk import EscalationDesk

LADDER: list[dict[str, Any]] = [
    {"after": "10m", "page": "gone"},
    {"after": "15m", "remind": True},
    {"after": "30m", "notify": "role:manager"},
    {"after": "1h", "widen": "role:manager"},
    {"after": "2h", "remind": True},
]
#: What is sent of each kind of moment.
KINDS = {"asked": "asked", "handover": "asked", "widen": "asked", "one_more": "asked",
         "remind": "reminder", "notify": "notice"}  # fmt: skip


def rehearsed(desk: EscalationDesk, request: dict[str, Any], name: str = "ana") -> Rehearsed:
    return of_request(reader=desk.world.reader(name), request_id=uuid_of(request))


def draft(desk: EscalationDesk, **more: Any) -> Rehearsed:
    wanted = Draft(desk.world.agent.id, "payments.refund", {"amount": 20}, **more)
    return of_draft(workspace=desk.world.workspace.id, draft=wanted)


def said(moment: Moment) -> tuple[str, list[str]]:
    return moment.what, [one.name for one in moment.people]


def sent_since(
    desk: EscalationDesk, request: dict[str, Any], known: set[Any]
) -> list[tuple[str, str, str]]:
    """(kind, channel, name) of what was sent since, by name."""
    found = Notification.objects.filter(request_id=uuid_of(request)).exclude(id__in=known)
    names = {person.id: person.name for person in desk.world.people.values()}
    return sorted(
        (one.kind, one.channel, names[one.person_id]) for one in found if one.person_id in names
    )


def expected(moments: list[Moment]) -> list[tuple[str, str, str]]:
    return sorted(
        (KINDS[moment.what], channel, one.name)
        for moment in moments
        if moment.what in KINDS
        for one in moment.people
        for channel in one.channels
    )


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param({}, id="it expires"),
        pytest.param({"on_expiry": "ask:manager"}, id="another role is asked at last"),
        pytest.param({"stages": [{"any_of": ["lead"], "approvals": 2}]}, id="one has decided"),
    ],
)
def test_what_was_rehearsed_is_what_happens(box, ask):
    desk = EscalationDesk(box, LADDER, **ask)
    request = desk.asked()
    if "stages" in ask:
        desk.world.decide("ana", request)
        desk.work()
    plan = rehearsed(desk, request)
    first, *later = plan.moments
    assert said(first)[1] == ([] if "stages" in ask else ["Ana"]) + ["Ben"]
    at = plan.begin
    while later:
        now = [one for one in later if one.at - later[0].at < timedelta(seconds=1)]
        later = later[len(now) :]
        known = set(
            Notification.objects.filter(request_id=uuid_of(request)).values_list("id", flat=True)
        )
        # Nothing happens a minute before.
        travel(uuid_of(request), seconds=(now[0].at - at - timedelta(minutes=1)).total_seconds())
        desk.escalate()
        assert sent_since(desk, request, known) == []
        travel(uuid_of(request), minutes=1, seconds=5)
        at = now[0].at
        for _ in now:
            desk.escalate()
        with pool().connection() as conn, conn.transaction():
            meet(conn, [uuid_of(request)])
        for _ in range(2):
            desk.escalate()
        known_now = sent_since(desk, request, known)
        assert [one for one in known_now if one[0] != "outcome"] == expected(now), now
    taken = Step.objects.filter(request_id=uuid_of(request)).order_by("stage", "at", "number")
    assert [
        (one.stage, one.number, one.kind, one.state == "skipped", one.reason) for one in taken
    ] == [
        (one.stage, one.step, one.what, bool(one.skipped), one.skipped)
        for one in plan.moments
        if one.step is not None
    ]
    assert desk.world.seen("ana", request)["status"] == "expired"
    with pytest.raises(Problem) as ended:
        rehearsed(desk, request)
    assert (ended.value.status, ended.value.code) == (409, "request_ended")


def test_a_draft_is_rehearsed_as_the_request_that_comes_of_it(box):
    desk = EscalationDesk(box, LADDER)
    before = Notification.objects.filter(workspace=desk.world.workspace).count()
    plan = draft(desk)
    assert Notification.objects.filter(workspace=desk.world.workspace).count() == before
    request = desk.asked()
    real = rehearsed(desk, request)
    shift = real.begin - plan.begin
    assert shift < timedelta(minutes=1)

    def relative(one: Rehearsed) -> list[Any]:
        return [
            (
                said(moment),
                moment.step,
                moment.skipped,
                round((moment.at - one.begin).total_seconds(), -1),
            )
            for moment in one.moments
        ]

    assert relative(plan) == relative(real)
    assert [said(moment) for moment in plan.moments] == [
        ("asked", ["Ana", "Ben"]),
        ("page", []),
        ("remind", ["Ana", "Ben"]),
        ("notify", ["Mia"]),
        ("widen", ["Mia"]),
        ("remind", ["Ana", "Ben", "Mia"]),
        ("expired", []),
    ]


def test_less_time_is_rehearsed_as_it_would_be_given(box):
    desk = EscalationDesk(box, [{"after": "2h", "remind": True}])
    moments = draft(desk, expires_in=timedelta(hours=2)).moments
    assert [moment.what for moment in moments] == ["asked", "remind", "expired"]
    begin = moments[0].at
    assert [moment.at - begin for moment in moments[1:]] == [
        timedelta(minutes=30),
        timedelta(hours=2),
    ]


def test_a_draft_may_be_for_a_night_to_come(box):
    desk = EscalationDesk(box)
    shift = {"who": [desk.world.email("mia")], "hours": "22:00-06:00"}
    desk.world.policy["rules"][0]["ask"]["escalation"] = "money"
    desk.world.apply(
        schedules={"night": {"timezone": "UTC", "shifts": [shift]}},
        escalations={"money": [{"after": "30m", "notify": "schedule:night"}]},
    )
    now = draft(desk).begin
    tomorrow = (now + timedelta(days=1)).replace(hour=3, minute=0, second=0, microsecond=0)
    night = draft(desk, at=tomorrow).moments
    assert [said(moment) for moment in night] == [
        ("asked", ["Ana", "Ben"]),
        ("notify", ["Mia"]),
        ("expired", []),
    ]
    assert night[1].at == tomorrow + timedelta(minutes=30)
    noon = draft(desk, at=tomorrow + timedelta(hours=9)).moments
    assert [(moment.what, moment.skipped) for moment in noon] == [
        ("asked", ""),
        ("notify", "nobody is on duty"),
        ("expired", ""),
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"agent": ids.uuid7()}, "/agent"),
        ({"action": "payments.steal"}, "/action"),
        ({"at": "yesterday"}, "/at"),
        ({"at": "in two years"}, "/at"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(box, change, pointer):
    desk = EscalationDesk(box)
    now = draft(desk).begin
    days = {"yesterday": -1, "in two years": 730}
    if "at" in change:
        change = {"at": now + timedelta(days=days[change["at"]])}
    wanted = {"agent": desk.world.agent.id, "action": "payments.refund", "payload": {}} | change
    with pytest.raises(Problem) as refused:
        of_draft(workspace=desk.world.workspace.id, draft=Draft(**wanted))
    assert (refused.value.status, refused.value.errors[0].pointer) == (422, pointer)


def test_what_waits_for_its_agent_stands_still(box):
    desk = EscalationDesk(box, LADDER)
    request = desk.asked()
    desk.world.decide("ana", request, "return", "Which order?")
    desk.work()
    assert [moment.what for moment in rehearsed(desk, request).moments] == [
        "asked",
        "stands_still",
        "expired",
    ]
    travel(uuid_of(request), hours=1)
    desk.world.say(request, "The first one.")
    found = rehearsed(desk, request)
    assert [moment.what for moment in found.moments] == [
        "asked", "page", "remind", "notify", "widen", "remind", "expired",
    ]  # fmt: skip
    # Its clock had stood still since the beginning; its deadline had not.
    gone = [round((moment.at - found.begin) / timedelta(minutes=1)) for moment in found.moments]
    assert gone == [0, 10, 10, 30, 60, 120, 420]


def test_who_may_not_see_a_request_sees_no_rehearsal(box):
    desk = EscalationDesk(box, LADDER)
    request = desk.asked()
    with pytest.raises(Problem) as unseen:
        rehearsed(desk, request, "mia")
    assert unseen.value.status == 404


def test_who_goes_away_meanwhile_is_stood_in_for(box):
    desk = EscalationDesk(
        box, [{"after": "90m", "remind": True}, {"after": "2h", "notify": "role:lead"}]
    )
    now = draft(desk).begin
    people = desk.world.people
    absences.declare(
        actor=TEST,
        person=people["ana"],
        begins_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=3),
        stand_in=people["mia"],
    )
    moments = draft(desk).moments
    assert [said(moment) for moment in moments] == [
        ("asked", ["Ana", "Ben"]),
        ("handover", ["Mia"]),
        ("remind", ["Ben", "Mia"]),
        ("notify", ["Ben", "Mia"]),
        ("expired", []),
    ]
    (mia,) = moments[1].people
    assert (mia.stands_in_for, moments[1].at) == ("Ana", now + timedelta(hours=1))


def test_who_is_away_is_rehearsed_as_it_then_is(box):
    desk = EscalationDesk(
        box,
        [
            {"after": "15m", "remind": True},
            {"after": "20m", "notify": "role:manager"},
            {"after": "30m", "notify": "role:lead"},
        ],
    )
    now = draft(desk).begin
    for name, stand_in in (("ana", "olivia"), ("mia", None)):
        absences.declare(
            actor=TEST,
            person=desk.world.people[name],
            begins_at=now,
            ends_at=now + timedelta(days=2),
            stand_in=desk.world.people[stand_in] if stand_in else None,
        )
    desk.world.grant("olivia", "manager")
    request = desk.asked()
    plan = rehearsed(desk, request, "ben")
    assert [said(moment) for moment in plan.moments] == [
        ("asked", ["Ben"]),
        ("remind", ["Ben"]),
        ("notify", ["Olivia"]),
        ("notify", ["Ben", "Olivia"]),
        ("expired", []),
    ]
    for minutes, kind, names in (
        (16, "reminder", ["Ben"]),
        (5, "notice", ["Olivia"]),
        (10, "notice", ["Ben", "Olivia"]),
    ):
        known = set(
            Notification.objects.filter(request_id=uuid_of(request)).values_list("id", flat=True)
        )
        desk.after(request, minutes=minutes)
        assert sent_since(desk, request, known) == [(kind, "email", name) for name in names]
