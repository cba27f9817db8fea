"""Who is away and who stands in: what is refused, what is told, and that nothing loops."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connections, transaction

from audit.actor import Actor
from core import ids
from core.db import pool
from people import absences, errors
from people.absences import TURN, Away
from people.models import Absence
from people.names import away, standing_in
from people.services import deactivate_person
from tests.events import events_of, kinds_of, side_of
from tests.factories import ACTOR, PersonFactory, WorkspaceFactory
from tests.promises import ask
from tests.together import together

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def ana(workspace):
    return PersonFactory(workspace=workspace, name="Ana")


@pytest.fixture
def ben(workspace):
    return PersonFactory(workspace=workspace, name="Ben")


@pytest.fixture
def caro(workspace):
    return PersonFactory(workspace=workspace, name="Caro")


def now():
    return ask("SELECT clock_timestamp()")[0][0]


def declare(person, begin, end, stand_in=None, actor=ACTOR):
    """An absence that begins and ends so long from now."""
    clock = now()
    return absences.declare(
        actor=actor,
        person=person,
        begins_at=clock + begin,
        ends_at=clock + end,
        stand_in=stand_in,
    )


def present(workspace):
    with pool().connection() as conn:
        return absences.absent_now(conn, workspace.id)


def promised(absence):
    return [
        at
        for (at,) in ask(
            "SELECT due_at FROM core_due WHERE kind = %s AND subject = %s ORDER BY due_at",
            TURN,
            absence.id,
        )
    ]


def test_an_absence_is_declared_with_its_event_and_its_turns(workspace, ana, ben):
    declared = declare(ana, DAY, 2 * DAY, ben, actor=Actor.person(ana.id, channel="web"))
    absence = Absence.objects.get(id=declared.absence.id)
    assert declared.warnings == ()
    assert (absence.person_id, absence.stand_in_id, absence.created_by_id) == (
        ana.id,
        ben.id,
        ana.id,
    )
    assert promised(absence) == [absence.begins_at, absence.ends_at]
    [event] = events_of(workspace.id, "absence.declared")
    assert event["subject"] == ids.encode("per", ana.id)
    assert event["data"] == {
        "absence": ids.encode("abs", absence.id),
        "stand_in": ids.encode("per", ben.id),
    }
    assert json.loads(side_of(event, "span")).keys() == {"begins_at", "ends_at"}
    assert "Ana" not in json.dumps(event)
    assert present(workspace) == {}
    expected = Away(absence.id, ana.id, "Ana", absence.begins_at, absence.ends_at, ben.id, "Ben")
    assert absences.coming(workspace=workspace.id) == [expected]
    assert absences.coming(workspace=workspace.id, person=ben.id) == []
    with pool().connection() as conn:
        later = absences.between(conn, workspace.id, now() + 3 * DAY, now() + 4 * DAY)
        then = absences.between(conn, workspace.id, now(), now() + 4 * DAY)
    assert (later, then) == ([], [expected])


def test_a_beginning_that_has_passed_means_now(workspace, ana, ben):
    declared = declare(ana, -DAY, DAY, ben)
    assert now() - declared.absence.begins_at < HOUR
    assert present(workspace) == {ana.id: (declared.absence.ends_at, ben.id)}


def test_a_stand_in_who_is_gone_stands_in_no_more(workspace, ana, ben):
    declared = declare(ana, -HOUR, DAY, ben)
    deactivate_person(actor=ACTOR, person=ben)
    assert present(workspace) == {ana.id: (declared.absence.ends_at, None)}
    [found] = absences.coming(workspace=workspace.id)
    assert (found.stand_in, found.stand_in_name) == (None, None)


def test_an_absence_ends_once(workspace, ana, ben):
    absence = declare(ana, -HOUR, DAY, ben).absence
    assert absences.end(actor=ACTOR, absence=absence)
    assert not absences.end(actor=ACTOR, absence=absence)
    assert present(workspace) == {}
    assert kinds_of(workspace.id)[-2:] == ["absence.declared", "absence.ended"]
    [turn] = promised(absence)
    assert turn <= now()


def test_what_is_called_off_before_it_began_turns_nothing(workspace, ana):
    absence = declare(ana, HOUR, DAY).absence
    assert absences.end(actor=ACTOR, absence=absence)
    assert promised(absence) == []
    assert absences.coming(workspace=workspace.id) == []
    assert declare(ana, HOUR, DAY).absence.id != absence.id


@pytest.mark.parametrize(
    ("begin", "end", "refused"),
    [
        (DAY, DAY, errors.AbsenceEndsEarly),
        (2 * DAY, DAY, errors.AbsenceEndsEarly),
        (-2 * DAY, -DAY, errors.AbsenceIsOver),
        (HOUR, HOUR + 367 * DAY, errors.AbsenceTooLong),
        (-900 * DAY, 367 * DAY, errors.AbsenceTooLong),
    ],
)
def test_times_that_cannot_be_are_refused(workspace, ana, begin, end, refused):
    with pytest.raises(refused):
        declare(ana, begin, end)
    assert "absence.declared" not in kinds_of(workspace.id)


def test_the_longest_absence_is_a_leap_year(ana):
    assert declare(ana, HOUR, HOUR + 366 * DAY).warnings == ()


@pytest.mark.parametrize(("begin", "end"), [(0.5, 1.5), (1.2, 1.8), (0.5, 3), (1.5, 4)], ids=str)
def test_two_absences_of_one_person_do_not_overlap(ana, begin, end):
    declare(ana, DAY, 2 * DAY)
    with pytest.raises(errors.AbsenceOverlaps, match="UTC until"):
        declare(ana, begin * DAY, end * DAY)


def test_one_absence_may_begin_where_another_ends(ana):
    first = declare(ana, DAY, 2 * DAY).absence
    absences.declare(actor=ACTOR, person=ana, begins_at=first.ends_at, ends_at=first.ends_at + DAY)
    assert Absence.objects.filter(person=ana).count() == 2


def test_who_cannot_stand_in(workspace, ana, ben, caro):
    with pytest.raises(errors.StandInIsSelf):
        declare(ana, HOUR, DAY, ana)
    with pytest.raises(errors.NoSuchStandIn):
        declare(ana, HOUR, DAY, PersonFactory())
    declare(caro, 2 * HOUR, 3 * HOUR)
    with pytest.raises(errors.StandInAway, match="Caro is away in that time"):
        declare(ana, HOUR, DAY, caro)
    declare(ana, 4 * HOUR, 5 * HOUR, caro)
    deactivate_person(actor=ACTOR, person=ben)
    with pytest.raises(errors.NoSuchStandIn):
        declare(ana, 8 * HOUR, DAY, ben)
    with pytest.raises(errors.PersonInactive):
        declare(ben, HOUR, DAY)


def test_nobody_stands_in_for_each_other(workspace, ana, ben):
    declare(ana, HOUR, DAY, ben)
    with pytest.raises(errors.StandInLoop, match=r"Ana is away .* and Ben stands in for them"):
        declare(ben, 2 * HOUR, 2 * DAY, ana)
    declare(ben, DAY, 2 * DAY, ana)


def test_who_stands_in_and_goes_away_hears_for_whom(workspace, ana, ben, caro):
    declare(ana, HOUR, DAY, ben)
    [warning] = declare(ben, 2 * HOUR, 3 * HOUR, caro).warnings
    assert warning.startswith("Ben stands in for Ana from ")
    assert warning.endswith("nobody is told in their place while both are away.")


def test_a_stand_in_is_found_by_id_or_address(workspace, ana):
    assert absences.stand_in_of(workspace=workspace.id, named="") is None
    for named in (ids.encode("per", ana.id), ana.user.email, ana.user.email.upper()):
        found = absences.stand_in_of(workspace=workspace.id, named=named)
        assert found == ana
    for named in ("ana", "per_01h455vb4pex5vsknk084sn02q", PersonFactory().user.email):
        with pytest.raises(errors.NoSuchStandIn):
            absences.stand_in_of(workspace=workspace.id, named=named)


def test_an_absence_of_another_workspace_is_not_found(ana, ben):
    absence = declare(ana, HOUR, DAY).absence
    assert absences.find(workspace=ana.workspace_id, absence=absence.id) == absence
    assert absences.find(workspace=ana.workspace_id, absence=absence.id, person=ben.id) is None
    assert absences.find(workspace=WorkspaceFactory().id, absence=absence.id) is None


def test_the_database_keeps_everybody_in_the_workspace(workspace, ana):
    stranger = PersonFactory()
    for people in ({"person": stranger}, {"person": ana, "stand_in": stranger}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Absence.objects.create(
                workspace=workspace, begins_at=now(), ends_at=now() + DAY, **people
            )


@pytest.mark.parametrize("round_", range(40))
def test_two_declarations_at_once_make_no_loop(workspace, ana, ben, round_):
    answers = together(
        [partial(declare, ana, HOUR, DAY, ben), partial(declare, ben, HOUR, DAY, ana)]
    )
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(answer) for answer in refused] == [errors.StandInLoop]
    assert Absence.objects.filter(workspace=workspace).count() == 1


def test_three_declarations_at_once_make_no_loop(workspace, ana, ben, caro):
    for number in range(20):
        begin = number * DAY
        answers = together(
            [
                partial(declare, one, begin + HOUR, begin + 2 * HOUR, other)
                for one, other in ((ana, ben), (ben, caro), (caro, ana))
            ]
        )
        assert sum(isinstance(answer, errors.StandInAway) for answer in answers) in (1, 2)
        assert not any(
            isinstance(answer, Exception) and not isinstance(answer, errors.Refusal)
            for answer in answers
        )


def test_an_absence_is_forgotten_with_its_person(workspace, ana, ben):
    declare(ana, HOUR, DAY, ben)
    kept = declare(ben, 2 * DAY, 3 * DAY, ana).absence
    deactivate_person(actor=ACTOR, person=ana)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT people_erase(%s, %s)", [workspace.id, ana.id])
    assert list(Absence.objects.filter(workspace=workspace)) == [kept]


def test_names_say_who_acts_and_who_is_away():
    until = ask("SELECT '2026-12-03T08:00:00Z'::timestamptz")[0][0]
    assert standing_in("Ben", "Ana") == "Ben, standing in for Ana"
    assert standing_in("Ben", None) == "Ben"
    assert away("Ana", until, "Ben") == "Ana (away until 3 Dec, Ben stands in)"
    assert away("Ana", until, None) == "Ana (away until 3 Dec)"
