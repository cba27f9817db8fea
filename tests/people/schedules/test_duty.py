from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.db import pool
from people.schedules import duty
from people.schedules.terms import UPLOADED
from people.services import deactivate_person
from tests.factories import ACTOR
from tests.people.schedules.office import DAY, HOUR, Office

BERLIN = ZoneInfo("Europe/Berlin")
#: A Friday in a week of the first one's.
FRIDAY = datetime(2026, 1, 9, 12, tzinfo=UTC)


@pytest.fixture
def office():
    return Office()


def test_who_is_on_duty_is_told_by_schedule(office):
    asked = ["duty", "office", "sent", "nowhere"]
    with pool().connection() as conn:
        assert duty.on_duty(conn, office.workspace.id, asked, FRIDAY) == {
            "duty": (office.ana.id,),
            "office": (office.ana.id,),
            "sent": (),
        }
        assert duty.on_duty(conn, office.workspace.id, asked, FRIDAY + DAY)["office"] == ()
        assert duty.on_duty(conn, office.workspace.id, ["duty"], FRIDAY + 7 * DAY) == {
            "duty": (office.ben.id,)
        }
        assert duty.on_duty(conn, office.workspace.id, [], FRIDAY) == {}


def test_the_next_handover_is_the_earliest_of_them(office):
    monday = datetime(2026, 1, 12, 8, tzinfo=BERLIN)
    evening = datetime(2026, 1, 9, 18, tzinfo=BERLIN)
    with pool().connection() as conn:
        found = [
            duty.next_change(conn, office.workspace.id, names, FRIDAY)
            for names in (["duty"], ["duty", "office"], ["sent"], ["nowhere"], [])
        ]
    assert found == [monday, evening, None, None, None]


def test_spans_name_people_and_their_gaps(office):
    begin, end = datetime(2026, 1, 9, tzinfo=BERLIN), datetime(2026, 1, 13, tzinfo=BERLIN)
    with pool().connection() as conn:
        found = duty.spans(conn, office.workspace.id, "office", begin, end)
        assert duty.spans(conn, office.workspace.id, "nowhere", begin, end) == []
    ana = (duty.OnDuty(office.ana.id, "Ana Alt"),)
    eight, six = datetime(2026, 1, 9, 8, tzinfo=BERLIN), datetime(2026, 1, 9, 18, tzinfo=BERLIN)
    monday = datetime(2026, 1, 12, 8, tzinfo=BERLIN)
    assert found == [
        duty.Span(begin, eight, ()),
        duty.Span(eight, six, ana),
        duty.Span(six, monday, ()),
        duty.Span(monday, datetime(2026, 1, 12, 18, tzinfo=BERLIN), ana),
        duty.Span(datetime(2026, 1, 12, 18, tzinfo=BERLIN), end, ()),
    ]
    assert [span.gap for span in found] == [True, False, True, False, True]


def test_whoever_was_deactivated_is_not_on_duty(office):
    deactivate_person(actor=ACTOR, person=office.ana)
    assert office.on_duty("duty", FRIDAY) == ()
    with pool().connection() as conn:
        found = duty.spans(conn, office.workspace.id, "office", FRIDAY, FRIDAY + 2 * DAY)
    assert [(span.begin, span.end, span.who) for span in found] == [(FRIDAY, FRIDAY + 2 * DAY, ())]


def test_another_workspace_has_its_own_schedules(office):
    other = Office()
    assert other.on_duty("duty", FRIDAY) == (other.ana.id,)
    with pool().connection() as conn:
        mine = duty.spans(conn, office.workspace.id, "duty", FRIDAY, FRIDAY + HOUR)
    assert [one.id for span in mine for one in span.who] == [office.ana.id]


def test_the_terms_of_a_schedule_can_be_asked_for(office):
    with pool().connection() as conn:
        terms = duty.spec_of(conn, office.workspace.id, "duty")
        sent = duty.spec_of(conn, office.workspace.id, "sent")
        assert duty.spec_of(conn, office.workspace.id, "nowhere") is None
    assert terms is not None
    assert terms.people == {office.ana.user.email, office.ben.user.email}
    assert sent is not None
    assert sent.ical == UPLOADED
