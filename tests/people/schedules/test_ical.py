from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people.schedules.ical import Said, read
from people.schedules.rules import MAX_BYTES, CalendarRefused
from tests.people.schedules.calendars import calendar, event

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
AHEAD = timedelta(days=62)
ANA, BEN = "ana@example.com", "ben@example.com"


def said(*events: str, now: datetime = NOW) -> list[Said]:
    return read(calendar(*events), BERLIN, now, AHEAD)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def refused(content: bytes) -> str:
    with pytest.raises(CalendarRefused) as raised:
        read(content, BERLIN, NOW, AHEAD)
    return str(raised.value)


WHEN = [
    ("in UTC", ":20261021T080000Z", ":20261021T180000Z", "2026-10-21T08:00", "2026-10-21T18:00"),
    ("in a zone", ";TZID=America/New_York:20261021T080000", ";TZID=America/New_York:20261021T180000",
     "2026-10-21T12:00", "2026-10-21T22:00"),
    ("without a zone: the schedule's", ":20261021T080000", ":20261021T180000",
     "2026-10-21T06:00", "2026-10-21T16:00"),
    ("whole days: the schedule's", ";VALUE=DATE:20261024", ";VALUE=DATE:20261026",
     "2026-10-23T22:00", "2026-10-25T23:00"),
]  # fmt: skip


@pytest.mark.parametrize("row", WHEN, ids=[row[0] for row in WHEN])
def test_when_an_event_is(row):
    _, begins, ends, begin, end = row
    assert said(event(begins, ends, summary=ANA)) == [Said(at(begin), at(end), (ANA,))]


def who(*lines: str, summary: str = "") -> list[tuple[tuple[str, ...], str]]:
    found = said(event(":20261021T080000Z", ":20261021T180000Z", *lines, summary=summary))
    return [(one.emails, one.name) for one in found]


def test_who_an_event_names():
    attendee = f"ATTENDEE;CN=Ana:mailto:{ANA.upper()}"
    other = f"ATTENDEE;PARTSTAT=ACCEPTED:MAILTO:{BEN}"
    declined = f"ATTENDEE;PARTSTAT=DECLINED:mailto:{BEN}"
    assert who(attendee, summary="On call") == [((ANA,), "")]
    assert who(attendee, other, attendee) == [((ANA, BEN), "")]
    assert who(attendee, declined) == [((ANA,), "")]
    assert who(summary=f"On call: {BEN}") == [((BEN,), "")]
    assert who(summary="  Ana Alt ") == [((), "Ana Alt")]
    assert who() == [((), "")]
    assert who("STATUS:CANCELLED", summary=ANA) == []
    assert who("ATTENDEE:tel:+49301234", summary=BEN) == [((BEN,), "")]


def test_a_rule_keeps_its_local_time_when_clocks_change_and_what_was_swapped():
    zone = ";TZID=Europe/Berlin"
    rota = event(f"{zone}:20261019T080000", f"{zone}:20261026T080000",
                 "RRULE:FREQ=WEEKLY;INTERVAL=2", summary=ANA, uid="rota")  # fmt: skip
    swap = event(f"{zone}:20261102T080000", f"{zone}:20261109T080000",
                 f"RECURRENCE-ID{zone}:20261102T080000", summary=BEN, uid="rota")  # fmt: skip
    found = said(rota, swap)[:2]
    assert found == [
        Said(at("2026-10-19T06:00"), at("2026-10-26T07:00"), (ANA,)),
        Said(at("2026-11-02T07:00"), at("2026-11-09T07:00"), (BEN,)),
    ]


def test_only_the_time_around_now_is_looked_at():
    daily = event(":20200101T080000Z", ":20200101T090000Z", "RRULE:FREQ=DAILY", summary=ANA)
    found = said(daily)
    assert (found[0].begin, found[-1].begin) == (at("2026-10-20T08:00"), at("2026-12-21T08:00"))
    assert len(found) == 63


def test_a_calendar_without_events_says_nothing():
    assert said() == []


ONCE = (":20261021T080000Z", ":20261021T080100Z")
REFUSED = [
    (b"", "does not begin with BEGIN:VCALENDAR"),
    (b"<html>Sign in</html>", "does not begin with BEGIN:VCALENDAR"),
    (b"BEGIN:VCALENDAR\xff", "not text in UTF-8"),
    (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "lines cannot be read"),
    (calendar(event(*ONCE, "RRULE:FREQ=SECONDLY", summary="Pager of Ana")), "“Pager of Ana” comes secondly"),
    (calendar(event(*ONCE, "RRULE:FREQ=MINUTELY", uid="x@y")), "“x@y” comes minutely"),
    (calendar(event(*ONCE, "RRULE:FREQ=SECON\r\n DLY", summary="Folded")), "“Folded” comes secondly"),
    (calendar(event(*ONCE, "rrule:freq=secondly", summary="Small")), "“Small” comes secondly"),
    (calendar(event(*ONCE, "RRULE:INTERVAL=2", summary="Odd")), "“Odd” has a rule without"),
    (calendar(event(*ONCE, "RRULE:FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(60))), summary="Often")),
     "“Often” comes more often than every hour"),
    (calendar(event(*ONCE, "RRULE:FREQ=HOURLY;BYSECOND=0,1,2", summary="Often")), "BYSECOND"),
    (calendar(event(*ONCE, "RRULE:FREQ=DAILY;BYSETPOS=5", summary="Never")), "BYSETPOS"),
    (calendar(event(":19700101T000000Z", ":19700101T010000Z", "RRULE:FREQ=HOURLY", summary="Old")),
     "that of “Old” among them, have come true too often"),
    (calendar(*(event(*ONCE, "RRULE:FREQ=HOURLY", uid=str(n)) for n in range(40))), "more than 20,000 times"),
    (calendar(*(event(*ONCE, uid=str(n)) for n in range(10_001))), "more than 10,000 events"),
    (calendar("BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
              "TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ=SECONDLY\r\nEND:STANDARD\r\nEND:VTIMEZONE"),
     "time zone in it changes more often"),
    (calendar(event(":garbage", ":20261021T080100Z", summary="Broken")), "“Broken” cannot be read"),
    (calendar(event(*ONCE, "RRULE:FREQ=WEEKLY;UNTIL=garbage", summary="Broken")), "“Broken” cannot be read"),
    (b"BEGIN:VCALENDAR\r\n" + b"X" * MAX_BYTES, "longer than 2 MiB"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "why"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_is_no_calendar_or_costs_too_much_is_refused_with_why(content, why):
    begun = time.monotonic()
    assert why in refused(content)
    assert time.monotonic() - begun < 5


def test_rules_that_are_over_cost_nothing():
    old = [event(*ONCE, "RRULE:FREQ=HOURLY;UNTIL=20261022T000000Z", uid=str(n)) for n in range(10)]
    assert len(said(*old)) == 10 * 17


def test_a_rule_that_never_comes_true_ends():
    never = event(
        ":20260201T080000Z", ":20260201T090000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
    )
    assert [one.begin for one in said(never)] == []


def test_five_thousand_events_are_read():
    days = [NOW + timedelta(minutes=17 * n) for n in range(5_000)]
    events = [
        event(f":{day:%Y%m%dT%H%M%SZ}", f":{day + timedelta(minutes=17):%Y%m%dT%H%M%SZ}", summary=ANA, uid=str(n))
        for n, day in enumerate(days)
    ]  # fmt: skip
    content = calendar(*events)
    assert len(content) < MAX_BYTES
    assert [one.begin for one in read(content, BERLIN, NOW, AHEAD)] == days
    evil = calendar(*events, event(*ONCE, "RRULE:FREQ=SECONDLY", summary="Pager"))
    assert "“Pager” comes secondly" in refused(evil)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | st.lists(st.sampled_from([
    "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VCALENDAR", "END:VCALENDAR", "DTSTART:20261021T080000Z",
    "DTSTART;VALUE=DATE:20261021", "DTEND:20261021T090000Z", "RRULE:FREQ=DAILY", "RRULE:FREQ=",
    "UID:1", "SUMMARY:ana@example.com", "ATTENDEE:mailto:", "DURATION:P9999999D", "RRULE", "\t;;",
    "RECURRENCE-ID:20261021T080000Z", "RDATE:19000101", "EXDATE;TZID=Nowhere:20261021T080000",
]), max_size=12).map(lambda lines: calendar(*lines)))  # fmt: skip
def test_whatever_is_sent_is_read_or_refused(content):
    found: list[object] = []
    with suppress(CalendarRefused):
        found += read(content, BERLIN, NOW, AHEAD)
    assert all(isinstance(one, Said) for one in found)
