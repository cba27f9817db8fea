from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audit.log import commitment
from core import addresses, due, http, ids
from core.problems import Problem
from people.models import Feed, OnCallSchedule
from people.schedules.feeds import AHEAD_UPLOADED, Reader, pause, upload
from people.schedules.overrides import Wanted, Who, override
from people.schedules.services import READ
from people.services import create_person, deactivate_person
from tests.events import events_of
from tests.factories import ACTOR
from tests.people.schedules.calendars import calendar, event, utc
from tests.people.schedules.office import DAY, HOUR, TEXT, Office, now
from tests.people.schedules.source import serving
from tests.promises import ask

CALENDARS = ("schedule.calendar_read", "schedule.calendar_failed", "schedule.calendar_recovered")


@pytest.fixture(autouse=True)
def _nothing_stays_due():
    yield
    ask("DELETE FROM core_due WHERE kind = 'schedule.read' RETURNING 1")


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    with serving(tmp_path) as one:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        yield one
    monkeypatch.undo()
    addresses.allowed_networks.cache_clear()


@pytest.fixture
def client():
    one = http.Client()
    yield one
    one.close()


@pytest.fixture
def office():
    return Office()


@pytest.fixture
def fed(office, source):
    """An office whose schedule ``sent`` has its calendar at the source."""
    office.apply(TEXT.replace("ical: uploaded", f'ical: "{source.url}"'))
    return office


def shift(who, hours=1, begins=0) -> str:
    """Somebody on duty from so many hours on."""
    begin = now() + begins * HOUR
    said = who if isinstance(who, str) else who.user.email
    return event(f":{utc(begin - HOUR)}", f":{utc(begin + hours * HOUR)}", summary=said)


def look(client) -> None:
    """Time for the calendars to be read has come."""
    ask(
        "UPDATE core_due SET due_at = clock_timestamp(), ready_at = clock_timestamp() WHERE kind = 'schedule.read' RETURNING 1"
    )
    due.run(READ, Reader(client).take)


def feed_of(office) -> Feed:
    return Feed.objects.get(workspace=office.workspace)


def told(office) -> list[str]:
    found = events_of(office.workspace.id)
    return [one["kind"].rpartition("_")[2] for one in found if one["kind"] in CALENDARS]


def next_look(office) -> timedelta:
    [(at,)] = ask(
        "SELECT due_at - clock_timestamp() FROM core_due WHERE subject = %s", feed_of(office).id
    )
    assert isinstance(at, timedelta)
    return at


def test_a_calendar_is_read_by_its_address_again_and_again(fed, source, client):
    assert fed.on_duty("sent", now()) == ()
    source.body = calendar(shift(fed.caro), shift(" max mann"), shift("nobody@example.com"))
    look(client)
    assert set(fed.on_duty("sent", now())) == {fed.caro.id, fed.max.id}
    assert fed.on_duty("sent", now() + 2 * HOUR) == ()
    feed = feed_of(fed)
    assert (feed.events, feed.unknown, feed.failed_at, feed.reason) == (2, 1, None, "")
    assert b"example" not in bytes(feed.entries or b""), "people are kept by id"
    assert source.asked[0]["accept"] == "text/calendar"
    assert timedelta(minutes=14) < next_look(fed) <= timedelta(minutes=15)

    source.body = calendar(shift(fed.ben))
    look(client)
    assert fed.on_duty("sent", now()) == (fed.ben.id,)
    read = events_of(fed.workspace.id, "schedule.calendar_read")
    assert [one["data"] for one in read] == [
        {"name": "sent", "source": "url", "events": 2, "unknown": 1},
        {"name": "sent", "source": "url", "events": 1, "unknown": 0},
    ]
    row = OnCallSchedule.objects.get(workspace=fed.workspace, name="sent")
    assert {one["subject"] for one in read} == {ids.encode("sch", row.id)}
    assert set(read[0]["commitments"]) == {"calendar"}
    assert read[0]["commitments"]["calendar"] != commitment(b"", source.body)
    assert told(fed) == ["read", "read"]


def test_what_was_said_last_is_kept_while_it_cannot_be_read(fed, source, client):
    source.body = calendar(shift(fed.caro))
    look(client)
    source.status = 503
    look(client)
    failed = feed_of(fed)
    assert failed.reason == "The address answers with 503, not with a calendar."
    assert failed.failed_at is not None
    since = failed.failed_at
    source.status, source.body = 200, b"<html>Sign in</html>"
    look(client)
    again = feed_of(fed)
    assert (again.failures, again.failed_at) == (2, since)
    assert "does not begin with BEGIN:VCALENDAR" in again.reason
    assert timedelta(minutes=29) < next_look(fed) <= timedelta(minutes=30)
    assert fed.on_duty("sent", now()) == (fed.caro.id,)
    assert told(fed) == ["read", "failed"]

    source.body = calendar(shift(fed.caro))
    look(client)
    well = feed_of(fed)
    assert (well.failures, well.failed_at, well.reason) == (0, None, "")
    assert told(fed)[:3] == ["read", "failed", "recovered"]


def test_a_calendar_of_50_mb_is_refused_and_not_read_to_its_end(fed, source, client):
    source.body = calendar(shift(fed.caro))
    look(client)
    source.endless = 50 * 1024 * 1024
    look(client)
    feed = feed_of(fed)
    assert "longer than 2 MiB" in feed.reason
    assert source.sent < 8 * 1024 * 1024, "what waits in buffers, not all of it"
    assert fed.on_duty("sent", now()) == (fed.caro.id,)


def test_a_rule_that_comes_each_second_is_refused_by_its_name(fed, source, client):
    begin = now()
    source.body = calendar(
        event(
            f":{utc(begin)}", f":{utc(begin + HOUR)}", "RRULE:FREQ=SECONDLY", summary="Pager of Ana"
        )
    )
    look(client)
    assert feed_of(fed).reason == (
        "The event “Pager of Ana” comes secondly: shifts come hourly at most."
    )


def test_a_redirect_and_a_dead_address_are_failures_with_why(fed, source, client):
    source.status, source.headers = 302, {"Location": "https://elsewhere.example/"}
    look(client)
    assert "leads elsewhere (302)" in feed_of(fed).reason
    Feed.objects.filter(workspace=fed.workspace).update(source="https://127.0.0.1:1/x")
    look(client)
    assert feed_of(fed).reason == "No connection could be made."


def test_networks_of_ours_are_not_called(fed, source, client, monkeypatch):
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "")
    addresses.allowed_networks.cache_clear()
    look(client)
    assert source.asked == []
    assert feed_of(fed).failures == 1


def test_what_has_not_changed_is_not_sent_again(fed, source, client):
    source.body, source.headers = calendar(shift(fed.caro)), {"ETag": '"one"'}
    look(client)
    first = feed_of(fed)
    source.status, source.body = 304, b""
    look(client)
    second = feed_of(fed)
    assert source.asked[1]["if-none-match"] == '"one"'
    assert (second.expanded_at, second.failures) == (first.expanded_at, 0)
    assert second.fetched_at is not None
    assert first.fetched_at is not None
    assert second.fetched_at > first.fetched_at
    assert told(fed) == ["read"]
    # Half a day later it must be worked out anew: time goes on.
    Feed.objects.filter(id=first.id).update(expanded_at=now() - 13 * HOUR)
    look(client)
    assert "if-none-match" not in source.asked[2]


def test_another_address_forgets_what_the_one_before_said(fed, source, client):
    source.body = calendar(shift(fed.caro))
    look(client)
    fed.apply(TEXT.replace("ical: uploaded", f'ical: "{source.url}2"'))
    assert fed.on_duty("sent", now()) == ()
    assert feed_of(fed).entries is None
    look(client)
    assert fed.on_duty("sent", now()) == (fed.caro.id,)
    fed.apply(TEXT)
    assert (
        ask(
            "SELECT 1 FROM core_due WHERE kind = 'schedule.read' AND workspace_id = %s",
            fed.workspace.id,
        )
        == []
    )


def test_a_row_whose_schedule_is_gone_is_finished(fed, source, client):
    [feed] = Feed.objects.filter(workspace=fed.workspace)
    feed.delete()
    look(client)
    assert source.asked == []
    assert ask("SELECT 1 FROM core_due WHERE subject = %s", feed.id) == []


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 15), (2, 30), (3, 60), (4, 60), (10_000, 60)]
)
def test_it_is_tried_again_later_and_later_up_to_an_hour(failures, minutes):
    assert pause(failures) == timedelta(minutes=minutes)


# -- handed in ---------------------------------------------------------------------------------------
def hand_in(office, content, schedule="sent"):
    return upload(actor=ACTOR, workspace=office.workspace.id, schedule=schedule, content=content)


def test_a_calendar_is_handed_in_in_place_of_the_one_before(office):
    taken = hand_in(office, calendar(shift(office.caro), shift("Somebody Else", begins=300 * 24)))
    assert (taken.events, taken.unknown) == (1, 1)
    assert taken.reaches - now() > AHEAD_UPLOADED - HOUR, "nobody reads it again"
    assert office.on_duty("sent", now()) == (office.caro.id,)
    hand_in(office, calendar(shift(office.ben)))
    assert office.on_duty("sent", now()) == (office.ben.id,)
    assert told(office) == ["read", "read"]


def test_one_that_cannot_be_read_leaves_the_one_before(office):
    hand_in(office, calendar(shift(office.caro)))
    with pytest.raises(Problem) as raised:
        hand_in(office, b"nothing")
    assert (raised.value.status, raised.value.code) == (422, "bad_calendar")
    assert "BEGIN:VCALENDAR" in raised.value.errors[0].detail
    assert office.on_duty("sent", now()) == (office.caro.id,)
    assert told(office) == ["read"]


@pytest.mark.parametrize(("schedule", "status"), [("duty", 409), ("nowhere", 404)])
def test_only_a_schedule_that_says_so_takes_one(office, schedule, status):
    with pytest.raises(Problem) as raised:
        hand_in(office, calendar(shift(office.caro)), schedule)
    assert raised.value.status == status


def test_names_that_two_people_have_are_nobodys(office):
    create_person(
        actor=ACTOR, workspace=office.workspace, email="x" + office.max.user.email, name="MAX MANN"
    )
    assert hand_in(office, calendar(shift("Max Mann"))).unknown == 1
    assert office.on_duty("sent", now()) == ()


def test_whoever_was_deactivated_is_not_on_duty_by_a_calendar(office):
    hand_in(office, calendar(shift(office.caro)))
    deactivate_person(actor=ACTOR, person=office.caro)
    assert office.on_duty("sent", now()) == ()


def test_a_feed_belongs_to_a_schedule_of_its_workspace(office):
    other = Office()
    row = OnCallSchedule.objects.get(workspace=office.workspace, name="duty")
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        Feed.objects.create(workspace=other.workspace, schedule=row)


def test_an_override_beats_a_calendar(office):
    hand_in(office, calendar(shift(office.caro)))
    wanted = Wanted(office.max.id, now(), now() + DAY)
    override(
        actor=ACTOR, workspace=office.workspace.id, schedule="sent", wanted=wanted, who=Who(None)
    )
    assert office.on_duty("sent", now()) == (office.max.id,)
