"""The timeline of what would happen if nobody answered: by table, and held against what then happens."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.frozen import FrozenPlan, FrozenRole, FrozenStage, FrozenStep
from core import ids
from escalations.cast import Cast, Place
from escalations.rehearsal import Moment, Play, rehearse
from notifications.routes import Reach
from people.coverage import Away, Facts, RoleFacts, Seat
from people.schedules import duty

ANA, BEN, MIA, OLI, EVE = (UUID(int=number) for number in range(1, 6))
NAMES = {ANA: "Ana", BEN: "Ben", MIA: "Mia", OLI: "Olivia", EVE: "Eve"}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD, MANAGER, EMPTY = (
    FrozenRole(UUID(int=number), name, name.title())
    for number, name in ((21, "lead"), (22, "manager"), (23, "empty"))
)


def step(after: int, does: Any, target: str = "", **more: Any) -> FrozenStep:
    """A step so many minutes after its stage opened."""
    role = {"role:lead": LEAD, "role:manager": MANAGER}.get(target)
    return FrozenStep(after * 60, does, target, role, **more)


def plan(*steps: FrozenStep, hours: int = 4, **more: Any) -> FrozenPlan:
    values: dict[str, Any] = {
        "effect": "ask", "version": 1, "rule": None, "why": "", "on_expiry": "expire",
        "stages": (FrozenStage((LEAD,)),), "expires_in_s": hours * 3_600,
        "comment": "never", "facts": (), "sensitive": (), "trace": (), "escalation": steps,
    }  # fmt: skip
    return FrozenPlan(**values | more)


def play(made: FrozenPlan, **more: Any) -> Play:
    values: dict[str, Any] = {
        "begin": START, "expires_at": START + made.life(None), "began_at": START, "plan": made,
        "risk": "medium", "stage": 0, "roles": made.stages[0].roles if made.stages else (),
        "confirm": None, "owner": OLI, "initiator": None,
    }  # fmt: skip
    return Play(**values | more)


def seats(*people: UUID) -> tuple[Seat, ...]:
    return tuple(Seat(one, START - timedelta(days=9)) for one in people)


def cast(*, away: tuple[Away, ...] = (), lead: tuple[UUID, ...] = (ANA, BEN), **more: Any) -> Cast:
    roles = {
        "lead": RoleFacts("lead", "Lead", None, seats(*lead)),
        "manager": RoleFacts("manager", "Manager", None, seats(MIA, OLI)),
    }
    values: dict[str, Any] = {
        "names": NAMES,
        "reach": {one: Reach(one, email=True) for one in NAMES},
        "pagers": frozenset({"night"}),
    }
    return Cast(Facts(roles, away), START + timedelta(days=30), **values | more)


def told(moment: Moment) -> str:
    """A moment in one line: minutes from the start, what, who, and what else there is to say."""
    minutes = (moment.at - START) / timedelta(minutes=1)
    people = " ".join(
        one.name
        + (f"({one.stands_in_for})" if one.stands_in_for else "")
        + (f"@{(one.at - START) / timedelta(minutes=1):g}" if one.at else "")
        + ("" if one.channels == ("email",) else f"[{','.join(one.channels)}]")
        for one in moment.people
    )
    places = " ".join(f"#{one.name}" for one in moment.places)
    said = f"sooner {moment.skipped}" if moment.sooner else moment.skipped
    parts = [f"{minutes:g}", moment.what, people, places, said]
    return " | ".join(" ".join(part.split()) for part in parts if part.strip())


def timeline(play: Play, cast: Cast) -> list[str]:
    return [told(moment) for moment in rehearse(play, cast)]


def test_steps_come_in_their_time_with_the_names_they_tell():
    made = plan(
        step(30, "remind"),
        step(60, "notify", "role:manager"),
        step(90, "widen", "role:manager"),
        step(100, "page", "night"),
        step(120, "remind"),
    )
    assert timeline(play(made), cast()) == [
        "0 | asked | Ana Ben",
        "30 | remind | Ana Ben",
        "60 | notify | Mia Olivia",
        "90 | widen | Mia",
        "100 | page",
        "120 | remind | Ana Ben Mia",
        "240 | expired",
    ]
    moments = rehearse(play(made), cast())
    assert moments[0].roles == ("Lead",)
    assert (moments[3].roles, moments[3].target, moments[3].step) == (
        ("Manager",),
        "role:manager",
        2,
    )


@pytest.mark.parametrize(
    ("on_expiry", "risk", "end"),
    [
        ("expire", "low", "expired"),
        ("allow", "low", "allowed"),
        ("allow", "medium", "expired"),
    ],
)
def test_the_deadline_ends_it(on_expiry, risk, end):
    made = plan(on_expiry=on_expiry)
    assert timeline(play(made, risk=risk), cast())[-1] == f"240 | {end}"


def test_one_more_role_is_asked_at_the_deadline_with_steps_of_its_own():
    made = plan(step(60, "remind"), on_expiry="ask:manager", after_deadline=FrozenStage((MANAGER,)))
    assert timeline(play(made), cast()) == [
        "0 | asked | Ana Ben",
        "60 | remind | Ana Ben",
        "240 | one_more | Mia",
        "300 | remind | Mia",
        "480 | expired",
    ]
    last = play(made, stage=1, roles=(MANAGER,), begin=START + timedelta(minutes=70))
    assert timeline(last, cast())[0] == "70 | asked | Mia"
    assert timeline(last, cast())[-1] == "240 | expired"


def test_an_expire_step_lets_it_meet_its_deadline():
    made = plan(step(30, "expire"), on_expiry="ask:manager", after_deadline=FrozenStage((MANAGER,)))
    assert timeline(play(made), cast()) == [
        "0 | asked | Ana Ben",
        "30 | expire",
        "30 | one_more | Mia",
        "60 | expire",
        "60 | expired",
    ]


def test_who_is_away_is_not_told_and_who_stands_in_is():
    begin, end = START + timedelta(minutes=50), START + timedelta(minutes=70)
    away = (Away(BEN, START - timedelta(days=1), begin, EVE), Away(ANA, begin, end))
    made = plan(step(60, "remind"), step(80, "remind"))
    assert timeline(play(made), cast(away=away)) == [
        "0 | asked | Ana Eve(Ben)",
        "50 | handover | Ben",
        "60 | remind | Ben",
        "80 | remind | Ana Ben",
        "240 | expired",
    ]


def test_duty_hands_over_and_where_nobody_is_on_duty_everybody_is_told():
    def until(begin: int, end: int, *who: UUID) -> duty.Span:
        at = [START + timedelta(minutes=one) for one in (begin, end)]
        return duty.Span(at[0], at[1], tuple(duty.OnDuty(one, NAMES[one]) for one in who))

    spans = [until(-9, 40, ANA), until(40, 100), until(100, 130, ANA), until(130, 999, MIA)]
    made = plan(step(50, "remind"), step(110, "remind"), step(120, "notify", "schedule:desk"),
                step(125, "notify", "schedule:gone"), step(200, "notify", "schedule:desk"))  # fmt: skip
    found = timeline(play(made), cast(scheduled={"lead": "desk"}, duty={"desk": spans}))
    assert found == [
        "0 | asked | Ana",
        "40 | handover | Ben",
        "50 | remind | Ana Ben",
        "110 | remind | Ana",
        "120 | notify | Ana",
        "125 | notify | nobody is on duty",
        "125 | notify | Ana | sooner",
        "240 | expired",
    ]


def test_a_step_that_tells_nobody_takes_the_next_one_at_once():
    made = plan(
        step(30, "page", "gone"),
        step(60, "notify", "role:empty"),
        step(90, "notify", f"person:{ids.encode('per', EVE)}"),
        step(100, "widen", "role:lead"),
        step(110, "notify", "person:"),
        step(120, "widen", "role:gone"),
    )
    assert timeline(play(made), cast(connected=True)) == [
        "0 | asked | Ana Ben",
        "30 | page | there is no pager of that name",
        "30 | notify | sooner none of them can be reached",
        "30 | notify | Eve | sooner",
        "100 | widen | this role is asked already",
        "110 | notify | there is nobody of that name",
        "110 | widen | sooner there is no such role any more",
        "240 | expired",
    ]


def test_where_nobody_hears_the_steps_follow_each_other():
    made = plan(
        step(60, "notify", "role:manager"), step(90, "widen", "role:manager"), step(120, "remind")
    )
    nobody = cast(lead=(), connected=True)
    assert timeline(play(made), nobody) == [
        "0 | asked",
        "0 | notify | Mia Olivia | sooner",
        "0.166667 | widen | Mia | sooner",
        "120 | remind | Mia",
        "240 | expired",
    ]
    # A workspace that is told by nothing at all looks at its pages.
    assert timeline(play(made), cast(lead=(), reach={}))[:2] == [
        "0 | asked",
        "60 | notify | no channel is set up",
    ]


def test_the_owner_and_who_started_it_decide_nothing_unless_they_confirm():
    made = plan(step(60, "widen", "role:manager"))
    assert timeline(play(made, initiator=ANA), cast())[:2] == [
        "0 | asked | Ben",
        "60 | widen | Mia",
    ]
    for confirm, name in (("owner", "Olivia"), ("initiator", "Ana")):
        found = timeline(play(made, initiator=ANA, confirm=confirm, roles=()), cast())
        assert found == [
            f"0 | asked | {name}",
            "60 | widen | somebody must confirm it, whom nobody stands in for",
            "240 | expired",
        ]
    gone = cast(away=(Away(OLI, START, START + timedelta(days=9)),))
    assert timeline(play(made, confirm="owner", roles=()), gone)[0] == "0 | asked"


def test_by_which_channel_and_when_each_is_told():
    slack = Reach(ANA, slack=((UUID(int=9), "U1"),), email=True, push=True)
    quiet = Reach(BEN, email=True, quiet_from=time(8), quiet_until=time(10))
    known = cast(
        reach={ANA: slack, BEN: quiet},
        places={"lead": (Place("lead", "slack", "C1"), Place("lead", "other", "hall"))},
    )
    made = plan(step(30, "remind", via=("email",)), step(70, "remind"))
    assert timeline(play(made), known) == [
        "0 | asked | Ana[push,slack] Ben@60 | #C1 #hall",
        "30 | remind | Ana Ben@60",
        "70 | remind | Ana[push,slack] Ben | #C1 #hall",
        "240 | expired",
    ]
    assert timeline(play(made, risk="critical"), known)[0].startswith(
        "0 | asked | Ana[push,slack] Ben |"
    )
    digest = cast(reach={ANA: Reach(ANA, email=True, digest="hourly"), BEN: Reach(BEN)})
    assert timeline(play(made, risk="low"), digest)[0] == "0 | asked | Ana@60 Ben[]"


def test_a_request_goes_on_from_where_it_is():
    made = plan(step(30, "remind"), step(60, "remind"), step(90, "remind"))
    later = play(
        made,
        begin=START + timedelta(minutes=45),
        done={0: ("remind", False), 2: ("remind", False)},
        decided=frozenset({ANA}),
        told=frozenset({ANA, BEN}),
    )
    assert timeline(later, cast()) == ["45 | asked | Ben", "60 | remind | Ben", "240 | expired"]
    still = play(made, stands_still=True, for_people=False)
    assert timeline(still, cast()) == ["0 | asked", "0 | stands_still", "240 | expired"]
    over = play(made, begin=START + timedelta(minutes=240))
    assert timeline(over, cast()) == ["240 | asked | Ana Ben", "240 | expired"]


@pytest.mark.parametrize(
    ("effect", "what"), [("allow", "allowed_by_policy"), ("deny", "refused_by_policy")]
)
def test_what_policy_answers_itself_is_one_moment(effect, what):
    assert timeline(play(plan(effect=effect, stages=())), cast()) == [f"0 | {what}"]


_STEPS = st.lists(
    st.builds(
        lambda after, does_target: step(after, *does_target),
        st.integers(1, 300),
        st.sampled_from(
            [
                ("remind",), ("notify", "role:manager"), ("notify", "schedule:desk"),
                ("widen", "role:manager"), ("page", "night"), ("page", "gone"), ("notify", "person:"),
            ]
        ),
    ),
    max_size=8,
)  # fmt: skip


@given(
    _STEPS,
    st.sampled_from(["expire", "ask:manager"]),
    st.sampled_from([(), (ANA,), (ANA, BEN)]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([ANA, BEN, MIA]), st.integers(0, 200)), max_size=2),
)
def test_moments_are_in_order_and_none_comes_after_the_end(steps, on_expiry, lead, connected, gone):
    after = FrozenStage((MANAGER,)) if on_expiry != "expire" else None
    made = plan(
        *sorted(steps, key=lambda one: one.after_s), on_expiry=on_expiry, after_deadline=after
    )
    begun = play(made)
    away = tuple(
        Away(who, START + timedelta(minutes=at), START + timedelta(minutes=at + 60))
        for who, at in gone
    )
    moments = rehearse(begun, cast(lead=lead, connected=connected, away=away))
    times = [moment.at for moment in moments]
    assert times == sorted(times)
    assert [moment.what for moment in moments if moment.what in ("expired", "allowed")] == [
        "expired"
    ]
    assert (moments[-1].what, moments[-1].at) == ("expired", begun.until)
    taken = [(moment.stage, moment.step) for moment in moments if moment.step is not None]
    assert len(taken) == len(set(taken))
    absent = {
        (person.person, moment.at)
        for moment in moments
        for person in moment.people
        for one in away
        if one.person == person.person and one.begin <= moment.at < one.end
    }
    assert absent == set()
