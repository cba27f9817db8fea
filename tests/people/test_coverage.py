"""When nobody could decide: by table, against a walk hour by hour, and as the database has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from core.db import pool
from people import absences, coverage
from people.coverage import Away, Declared, RoleFacts, Seat, Span
from people.models import Membership
from people.roles import PolicyRole
from people.schedules import duty
from people.services import deactivate_person
from tests.factories import ACTOR
from tests.people.schedules.office import HOUR, Office, now

ANA, BEN, CARO = (UUID(int=number) for number in (1, 2, 3))
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + 10 * HOUR


def at(hours: float) -> datetime:
    return START + hours * HOUR


def spans(*pairs: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(at(begin), at(end)) for begin, end in pairs)


@pytest.mark.parametrize(
    ("seats", "away", "excluded", "expected"),
    [
        pytest.param([], [], (), [(0, 10)], id="nobody is in it"),
        pytest.param([Seat(ANA, at(-5))], [], (), [], id="one is"),
        pytest.param([Seat(ANA, at(-5), at(4))], [], (), [(4, 10)], id="a membership ends"),
        pytest.param([Seat(ANA, at(3))], [], (), [(0, 3)], id="one begins"),
        pytest.param(
            [Seat(ANA, at(-5), at(4)), Seat(BEN, at(4))], [], (), [], id="one hands over to another"
        ),
        pytest.param(
            [Seat(ANA, at(-5))], [Away(ANA, at(2), at(5))], (), [(2, 5)], id="she is away"
        ),
        pytest.param(
            [Seat(ANA, at(-5))], [Away(ANA, at(2), at(5), BEN)], (), [], id="Ben stands in"
        ),
        pytest.param(
            [Seat(ANA, at(-5))],
            [Away(ANA, at(2), at(5), BEN), Away(BEN, at(4), at(6), CARO)],
            (),
            [(4, 5)],
            id="nobody stands in for a stand-in",
        ),
        pytest.param(
            [Seat(ANA, at(-5)), Seat(BEN, at(-5))],
            [Away(ANA, at(1), at(4)), Away(BEN, at(3), at(6)), Away(ANA, at(4), at(5))],
            (),
            [(3, 5)],
            id="neighbours are one",
        ),
        pytest.param([Seat(ANA, at(-5))], [], {ANA}, [(0, 10)], id="her own request"),
        pytest.param(
            [Seat(ANA, at(-5))],
            [Away(ANA, at(2), at(5), BEN)],
            {BEN},
            [(2, 5)],
            id="whoever asks does not stand in",
        ),
        pytest.param(
            [Seat(ANA, at(-5))],
            [Away(ANA, at(0), at(10), BEN)],
            {ANA},
            [(0, 10)],
            id="nor does anybody in the place of who asks",
        ),
    ],
)
def test_when_nobody_could_decide(seats, away, excluded, expected):
    role = RoleFacts("lead", "Lead", None, tuple(seats))
    assert coverage.uncovered(role, away, START, END, excluded) == spans(*expected)


def test_on_duty_are_those_of_the_role_who_are_there():
    ana, ben = duty.OnDuty(ANA, "Ana"), duty.OnDuty(BEN, "Ben")
    turns = (
        duty.Span(START, at(2), (ana,)),
        duty.Span(at(2), at(4), ()),
        duty.Span(at(4), at(6), (ben,)),
        duty.Span(at(6), END, (ana,)),
    )
    role = RoleFacts("lead", "Lead", "duty", (Seat(ANA, at(-5)),), turns)
    away = [Away(ANA, at(7), at(8)), Away(ANA, at(8), at(9), CARO)]
    assert coverage.off_duty(role, away, START, END) == spans((2, 6), (7, 8))
    assert coverage.on_duty(role, away, at(8.5)) == {CARO: ANA}
    assert coverage.off_duty(RoleFacts("lead", "Lead", None, ()), away, START, END) == ()


_HOURS = st.integers(-2, 12)
_PEOPLE = st.sampled_from((ANA, BEN, CARO))
_SEATS = st.lists(
    st.builds(
        lambda who, begin, length: Seat(who, at(begin), at(begin + length) if length else None),
        _PEOPLE,
        _HOURS,
        st.integers(0, 6),
    ),
    max_size=4,
)
_AWAY = st.lists(
    st.builds(
        lambda who, begin, length, other: Away(who, at(begin), at(begin + length), other),
        _PEOPLE,
        _HOURS,
        st.integers(1, 6),
        st.none() | _PEOPLE,
    ),
    max_size=3,
    unique_by=lambda one: one.person,
)


@given(_SEATS, _AWAY)
def test_spans_are_what_a_walk_through_the_time_finds(seats, away):
    role = RoleFacts("lead", "Lead", None, tuple(seats))
    found = coverage.uncovered(role, away, START, END)
    halves = [at(step / 4 + 0.1) for step in range(40)]
    alone = {
        one: not any(
            seat.holds(one)
            and (
                not (
                    gone := [a for a in away if a.person == seat.person and a.begin <= one < a.end]
                )
                or any(
                    a.stand_in is not None
                    and not any(
                        b.person == a.stand_in and b.begin <= one < b.end and b.person != a.person
                        for b in away
                    )
                    for a in gone
                )
            )
            for seat in seats
        )
        for one in halves
    }
    assert {one for one in halves if any(s.begin <= one < s.end for s in found)} == {
        one for one, nobody in alone.items() if nobody
    }
    assert all(a.end < b.begin for a, b in pairwise(found))


def forecast(office: Office, begin: datetime, until: datetime, **more: Any) -> dict[str, Any]:
    with pool().connection() as conn:
        found = coverage.forecast(conn, office.workspace.id, begin, until, **more)
    return {one.role: one for one in found}


def test_a_workspace_is_forecast_from_what_it_holds():
    office, begin = Office(), now()
    until = begin + timedelta(days=14)
    ends = begin + timedelta(days=3)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE people_membership SET valid_until = %s WHERE person_id = %s",
            [ends, office.ada.id],
        )
    found = forecast(office, begin, until)
    assert found["lead"] == coverage.RoleCoverage(
        "lead", "Lead", None, "UTC", (Span(ends, until),), ()
    )
    assert found["finance"] == coverage.RoleCoverage(
        "finance", "Finance", "duty", "Europe/Berlin", (), ()
    )
    assert list(forecast(office, begin, until, names=["finance"])) == ["finance"]
    deactivate_person(actor=ACTOR, person=office.ana)
    finance = forecast(office, begin, until)["finance"]
    assert (finance.uncovered, len(finance.off_duty)) in [((), 1), ((), 2)]
    assert sum((one.length for one in finance.off_duty), timedelta()) == timedelta(days=7)


def test_what_a_document_declares_stands_in_the_place_of_what_is_active():
    office, soon = Office(), now() + timedelta(days=1)
    Membership.objects.create(
        workspace=office.workspace,
        role_id=Membership.objects.get(person=office.ada).role_id,
        person=office.max,
        source="manual",
        valid_until=soon,
    )
    begin = now()
    until = begin + timedelta(days=14)
    declared = Declared(
        {"lead": PolicyRole("New", frozenset()), "extra": PolicyRole("Extra", frozenset())}
    )
    found = forecast(office, begin, until, declared=declared)
    assert found == {
        "extra": coverage.RoleCoverage("extra", "Extra", None, "UTC", (Span(begin, until),), ()),
        "lead": coverage.RoleCoverage("lead", "New", None, "UTC", (Span(soon, until),), ()),
    }


def test_who_is_away_leaves_a_gap_unless_somebody_stands_in():
    office, begin = Office(), now()
    until = begin + timedelta(days=14)
    gone = Span(begin + timedelta(days=1), begin + timedelta(days=2))
    declared = absences.declare(
        actor=ACTOR, person=office.ada, begins_at=gone.begin, ends_at=gone.end
    )
    assert forecast(office, begin, until)["lead"].uncovered == (gone,)
    absences.end(actor=ACTOR, absence=declared.absence)
    absences.declare(
        actor=ACTOR,
        person=office.ada,
        begins_at=gone.begin,
        ends_at=gone.end,
        stand_in=office.max,
    )
    assert forecast(office, begin, until)["lead"].uncovered == ()
