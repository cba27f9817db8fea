from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from audit.actor import Actor
from audit.log import rfc3339
from core import ids
from core.db import pool
from core.problems import Problem
from people.models import OnCallSchedule, Override
from people.schedules import duty
from people.schedules.overrides import LONGEST, Wanted, Who, about, cancel, override, standing, swap
from people.services import deactivate_person
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory
from tests.people.schedules.office import DAY, HOUR, TEXT, Office, now
from tests.together import together

OPERATOR = Who(None)


@pytest.fixture
def office():
    return Office()


def put(office, person, begins, ends, who=OPERATOR, schedule="duty"):
    return override(
        actor=ACTOR,
        workspace=office.workspace.id,
        schedule=schedule,
        wanted=Wanted(person.id, begins, ends),
        who=who,
    )


def refused(call) -> tuple[int, str]:
    """Status and the most telling code of what a call is refused with."""
    with pytest.raises(Problem) as raised:
        call()
    problem = raised.value
    return problem.status, problem.errors[0].code if problem.errors else problem.code


def test_an_override_beats_the_schedule_and_is_in_the_log(office):
    at = now()
    by = Actor.person(office.ada.id, channel="web")
    made = override(
        actor=by,
        workspace=office.workspace.id,
        schedule="duty",
        wanted=Wanted(office.max.id, at + HOUR, at + 3 * HOUR),
        who=Who(office.ada.id),
    )
    first, _ = office.of_turn(at)
    hours = (0, 1, 2, 3)
    assert [office.on_duty("duty", at + hour * HOUR) for hour in hours] == [
        (first.id,), (office.max.id,), (office.max.id,), (first.id,),
    ]  # fmt: skip
    with pool().connection() as conn:
        found = duty.spans(conn, office.workspace.id, "duty", at, at + 2 * HOUR)
        assert [(span.override, span.begin) for span in found] == [(None, at), (made, at + HOUR)]
        assert duty.next_change(conn, office.workspace.id, ["duty"], at) == at + HOUR
        [told] = standing(conn, office.workspace.id, "duty", at, at + DAY)
    assert (told.id, told.person, told.name, told.created_by) == (
        made, office.max.id, "Max Mann", office.ada.id,
    )  # fmt: skip
    [event] = events_of(office.workspace.id, "schedule.overridden")
    assert (event["subject"], event["actor"]["id"]) == (
        ids.encode("ovr", made),
        ids.encode("per", office.ada.id),
    )
    assert event["data"] == {
        "name": "duty",
        "person": ids.encode("per", office.max.id),
        "begins_at": rfc3339(at + HOUR),
        "ends_at": rfc3339(at + 3 * HOUR),
    }


def test_the_newest_of_several_wins_whenever_they_begin(office):
    at = now()
    put(office, office.max, at + HOUR, at + 5 * HOUR)
    put(office, office.caro, at + 2 * HOUR, at + 3 * HOUR)
    assert [office.on_duty("duty", at + hour * HOUR)[0] for hour in (1, 2, 3)] == [
        office.max.id, office.caro.id, office.max.id,
    ]  # fmt: skip


def test_it_counts_from_now_at_the_earliest(office):
    before = now()
    made = put(office, office.max, before - 5 * DAY, before + HOUR)
    row = Override.objects.get(id=made)
    assert before <= row.begins_at <= now()
    assert office.on_duty("duty", before - HOUR) != (office.max.id,)


@pytest.mark.parametrize(
    ("begins", "ends", "code"),
    [
        (HOUR, HOUR, "ends_before_it_begins"),
        (2 * HOUR, HOUR, "ends_before_it_begins"),
        (-2 * HOUR, -HOUR, "past"),
        (HOUR, HOUR + LONGEST + timedelta(seconds=1), "too_long"),
        (367 * DAY, 368 * DAY, "too_far"),
    ],
)
def test_a_time_that_does_not_fit_is_refused(office, begins, ends, code):
    at = now()
    assert refused(lambda: put(office, office.max, at + begins, at + ends)) == (422, code)
    assert not Override.objects.filter(workspace=office.workspace).exists()
    assert events_of(office.workspace.id, "schedule.overridden") == []


def test_it_may_be_as_long_as_92_days(office):
    at = now() + HOUR
    assert put(office, office.max, at, at + LONGEST)


def test_strangers_and_the_deactivated_are_nobody(office):
    at = now()
    stranger = PersonFactory()
    unknown = partial(put, office, stranger, at, at + HOUR)
    assert refused(unknown) == (422, "unknown_person")
    deactivate_person(actor=ACTOR, person=office.max)
    assert refused(lambda: put(office, office.max, at, at + HOUR)) == (422, "inactive_person")
    row = OnCallSchedule.objects.get(workspace=office.workspace, name="duty")
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        Override.objects.create(
            workspace=office.workspace, schedule=row, person=stranger,
            begins_at=at, ends_at=at + HOUR,
        )  # fmt: skip


def test_a_schedule_that_is_not_declared_is_not_there(office):
    at = now()
    nowhere = partial(put, office, office.max, at, at + HOUR, schedule="nowhere")
    assert refused(nowhere) == (404, "not_found")
    office.apply(TEXT.split("schedules:")[0].replace(", schedule: duty", ""))
    assert refused(lambda: put(office, office.max, at, at + HOUR)) == (404, "not_found")


def test_whom_a_schedule_is_about(office):
    with pool().connection() as conn:
        named = {name: about(conn, office.workspace.id, name) for name in ("duty", "office", "x")}
    assert named == {
        "duty": {office.ana.id, office.ben.id, office.caro.id},
        "office": {office.ana.id},
        "x": frozenset(),
    }


def test_members_take_shifts_and_hand_their_own_to_each_other(office):
    at = now() + HOUR
    mine, other = office.of_turn(at)
    as_mine, as_other = (Who(one.id, administers=False) for one in (mine, other))
    caro = Who(office.caro.id, administers=False)
    assert put(office, office.caro, at, at + HOUR, caro), "a member of the role, for herself"
    assert put(office, other, at + HOUR, at + 2 * HOUR, as_mine), "handing over one's own"
    assert put(office, other, at + 2 * HOUR, at + 3 * HOUR, as_other), "taking"
    no = (403, "not_yours")
    beside = Who(office.max.id, administers=False)
    assert refused(lambda: put(office, office.max, at, at + HOUR, beside)) == no
    assert refused(lambda: put(office, office.max, at + 5 * HOUR, at + 6 * HOUR, as_mine)) == no
    assert refused(lambda: put(office, mine, at + 5 * HOUR, at + 6 * HOUR, as_other)) == no
    part = partial(put, office, office.ben, at, at + 2 * HOUR, as_mine)
    assert refused(part) == no, "Caro has the first hour of it"


def test_two_people_change_places_or_nothing_happens(office):
    at = now() + HOUR
    mine, other = office.of_turn(at)
    who = Who(mine.id, administers=False)
    later = next(
        at + hour * HOUR for hour in range(24 * 8) if office.of_turn(at + hour * HOUR)[0] == other
    )

    def change(gives_to=other, takes=mine, taken=later, by=who):
        return swap(
            actor=ACTOR,
            workspace=office.workspace.id,
            schedule="duty",
            gives=Wanted(gives_to.id, at, at + HOUR, "/give"),
            takes=Wanted(takes.id, taken, taken + HOUR, "/take"),
            who=by,
        )

    assert refused(lambda: change(taken=at)) == (422, "same_time")
    assert refused(lambda: change(taken=at + HOUR / 2)) == (422, "same_time")
    assert refused(lambda: change(taken=later + 8 * DAY)) == (422, "not_on_duty")
    assert refused(lambda: change(gives_to=office.max)) == (403, "not_yours")
    assert refused(lambda: change(by=Who(office.caro.id, administers=False))) == (403, "not_yours")
    assert refused(lambda: change(gives_to=mine)) == (422, "same_person")
    assert not Override.objects.filter(workspace=office.workspace).exists()

    first, second = change()
    assert office.on_duty("duty", at) == (other.id,)
    assert office.on_duty("duty", later) == (mine.id,)
    told = events_of(office.workspace.id, "schedule.overridden")
    assert {one["subject"] for one in told} == {ids.encode("ovr", first), ids.encode("ovr", second)}


def taken_back(office, made, who=OPERATOR, schedule="duty"):
    return cancel(
        actor=ACTOR, workspace=office.workspace.id, schedule=schedule, override=made, who=who
    )


def test_an_override_is_taken_back_by_whom_it_is_about(office):
    at = now()
    caro, max_ = (Who(one.id, administers=False) for one in (office.caro, office.max))
    made = put(office, office.caro, at + HOUR, at + 2 * HOUR)
    assert refused(lambda: taken_back(office, made, max_)) == (403, "not_yours")
    assert refused(lambda: taken_back(office, made, schedule="office")) == (404, "not_found")
    assert refused(lambda: taken_back(office, uuid4())) == (404, "not_found")
    taken_back(office, made, caro)
    assert office.on_duty("duty", at + HOUR) != (office.caro.id,)
    assert refused(lambda: taken_back(office, made)) == (409, "override_over")
    [event] = events_of(office.workspace.id, "schedule.override_cancelled")
    assert event["data"] == {"name": "duty", "person": ids.encode("per", office.caro.id)}


def test_what_has_passed_of_an_override_stays(office):
    made = put(office, office.max, now(), now() + DAY)
    during = now()
    taken_back(office, made)
    assert office.on_duty("duty", during) == (office.max.id,)
    assert office.on_duty("duty", now()) != (office.max.id,)
    assert refused(lambda: taken_back(office, made)) == (409, "override_over")


def test_one_override_is_taken_back_once_however_many_try(office):
    made = put(office, office.max, now() + HOUR, now() + DAY)
    results = together([lambda: taken_back(office, made) for _ in range(6)])
    assert sum(one is None for one in results) == 1
    assert len(events_of(office.workspace.id, "schedule.override_cancelled")) == 1
