from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people.schedules.hours import holidays_of
from people.schedules.rotation import Override, Span, next_change, spans, who
from people.schedules.terms import UPLOADED, Holidays, Schedule, Shift, of_bytes, to_bytes
from tests.people.schedules.naive import MINUTE, NaiveShift, walk

ANA, BEN, CARO = "ana@example.com", "ben@example.com", "caro@example.com"
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def wall(text: str) -> datetime:
    """A local time as a schedule says it: without zone."""
    return datetime.fromisoformat(text)


def schedule(*shifts: Shift, zone: str = "Europe/Berlin", **more) -> Schedule:
    return Schedule(timezone=zone, shifts=shifts, **more)


WEEKLY = Shift(who=(ANA, BEN), rotate="weekly", begin=wall("2026-03-23T08:00"))
DAILY = Shift(who=(ANA, BEN), rotate="daily", begin=wall("2026-03-23T02:30"))
TWELVE = Shift(who=(ANA, BEN), rotate="12h", begin=wall("2026-03-28T08:00"))
OFFICE = Shift(who=(ANA, BEN), begin=wall("2026-01-05T00:00"), hours="Mo-Fr 08:00-18:00")
NIGHT = Shift(who=(CARO,), hours="Fr 22:00-26:00")
SMALL_HOURS = Shift(who=(CARO,), hours="02:15-02:45")

TABLE = [
    # Weekly, at the same local time when clocks go forward (March 29) and back (October 25).
    ("before it begins nobody", WEEKLY, local("2026-03-23T07:59"), ()),
    ("from its beginning the first", WEEKLY, local("2026-03-23T08:00"), (ANA,)),
    ("the first until the handover", WEEKLY, local("2026-03-30T07:59"), (ANA,)),
    ("handed over at eight, in summer time", WEEKLY, local("2026-03-30T08:00"), (BEN,)),
    ("eight in winter was seven", WEEKLY, datetime(2026, 3, 30, 6, 0, tzinfo=UTC), (BEN,)),
    ("back in winter before eight", WEEKLY, local("2026-10-26T07:59"), (ANA,)),
    ("back in winter at eight", WEEKLY, local("2026-10-26T08:00"), (BEN,)),
    # Daily, at a local time that is left out in March and comes twice in October.
    ("left out: not yet at three", DAILY, local("2026-03-29T03:00"), (BEN,)),
    ("left out: the old offset counts", DAILY, local("2026-03-29T03:30"), (ANA,)),
    ("twice: before the first", DAILY, local("2026-10-25T02:29"), (BEN,)),
    ("twice: from the first", DAILY, local("2026-10-25T02:30"), (ANA,)),
    ("twice: not handed back", DAILY, local("2026-10-25T02:10", fold=1), (ANA,)),
    ("twice: the second is none", DAILY, local("2026-10-25T02:30", fold=1), (ANA,)),
    # A duration is real time: an hour later on the wall from then on.
    ("the evening before", TWELVE, local("2026-03-28T20:00"), (BEN,)),
    ("twelve hours, not eight o'clock", TWELVE, local("2026-03-29T08:59"), (BEN,)),
    ("twelve hours later", TWELVE, local("2026-03-29T09:00"), (ANA,)),
    # Hours: what the clock on the wall says.
    ("open, all together", OFFICE, local("2026-11-27T08:00"), (ANA, BEN)),
    ("closed a moment before", OFFICE, local("2026-11-27T07:59:59.999999"), ()),
    ("closed from the end on", OFFICE, local("2026-11-27T18:00"), ()),
    ("a weekend is a gap", OFFICE, local("2026-11-28T12:00"), ()),
    ("open on a leap day", OFFICE, local("2028-02-29T12:00"), (ANA, BEN)),
    ("open over midnight", NIGHT, local("2026-11-28T01:59"), (CARO,)),
    ("and then no more", NIGHT, local("2026-11-28T02:00"), ()),
    ("hours that are left out", SMALL_HOURS, local("2026-03-29T03:20"), ()),
    ("hours that come twice: once", SMALL_HOURS, local("2026-10-25T02:20"), (CARO,)),
    ("hours that come twice: between", SMALL_HOURS, local("2026-10-25T02:50"), ()),
    ("hours that come twice: again", SMALL_HOURS, local("2026-10-25T02:20", fold=1), (CARO,)),
    # One alone, and an end.
    ("one alone has every turn", Shift(who=(ANA,), rotate="daily", begin=wall("2026-01-01T00:00")),
     local("2026-05-05T05:05"), (ANA,)),
    ("over", Shift(who=(ANA,), until=wall("2026-05-05T08:00")), local("2026-05-05T08:00"), ()),
    ("not over", Shift(who=(ANA,), until=wall("2026-05-05T08:00")), local("2026-05-05T07:59"), (ANA,)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shift", "at", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_who_is_on_duty(shift, at, expected):
    assert who(schedule(shift), at) == expected


def test_an_empty_schedule_is_one_gap():
    nobody = schedule()
    begin, end = local("2026-11-27T00:00"), local("2026-12-11T00:00")
    assert who(nobody, begin) == ()
    assert next_change(nobody, begin) is None
    assert spans(nobody, begin, end) == [Span(begin, end, ())]


def test_the_first_shift_that_covers_wins_and_the_next_fills_its_gaps():
    both = schedule(OFFICE, Shift(who=(CARO,)))
    friday = [
        (span.begin.astimezone(BERLIN).hour, span.who)
        for span in spans(both, local("2026-11-27T00:00"), local("2026-11-28T00:00"))
    ]
    assert friday == [(0, (CARO,)), (8, (ANA, BEN)), (18, (CARO,))]


def test_gaps_are_spans_with_nobody_and_nothing_is_left_out():
    begin, end = local("2026-11-27T00:00"), local("2026-11-30T00:00")
    assert spans(schedule(OFFICE), begin, end) == [
        Span(begin, local("2026-11-27T08:00"), ()),
        Span(local("2026-11-27T08:00"), local("2026-11-27T18:00"), (ANA, BEN)),
        Span(local("2026-11-27T18:00"), end, ()),
    ]


@pytest.mark.parametrize(
    ("holidays", "on_holidays", "expected"),
    [
        (None, False, (ANA, BEN)),
        (Holidays("DE"), False, ()),
        (Holidays("DE"), True, (ANA, BEN)),
        (Holidays("FR"), False, (ANA, BEN)),
    ],
)
def test_hours_do_not_count_on_holidays_unless_the_shift_says_so(holidays, on_holidays, expected):
    unity = local("2025-10-03T12:00")  # the day of German unity, a Friday
    office = Shift(
        who=(ANA, BEN), begin=wall("2025-01-01T00:00"), hours="Mo-Fr 08:00-18:00",
        on_holidays=on_holidays,
    )  # fmt: skip
    assert who(schedule(office, holidays=holidays), unity) == expected


def test_a_part_of_a_country_has_holidays_of_its_own():
    epiphany = local("2026-01-06T12:00")
    assert who(schedule(OFFICE, holidays=Holidays("DE", "BY")), epiphany) == ()
    assert who(schedule(OFFICE, holidays=Holidays("DE", "BE")), epiphany) == (ANA, BEN)


@pytest.mark.parametrize(
    ("day", "open_spans"),
    [
        # In UTC: at 01:00 clocks go from two to three, and from three back to two.
        ("2026-03-29", [("01:00", "02:00")]),
        ("2026-10-25", [("00:30", "01:00"), ("01:30", "03:00")]),
    ],
)
def test_hours_begin_and_end_where_clocks_skip_them(day, open_spans):
    asked = schedule(Shift(who=(CARO,), hours="02:30-04:00"))
    found = spans(asked, local(f"{day}T00:00"), local(f"{day}T12:00"))
    assert [(f"{s.begin:%H:%M}", f"{s.end:%H:%M}") for s in found if s.who] == open_spans


def test_day_and_night_are_on_duty_on_holidays_as_well():
    always = schedule(Shift(who=(ANA,)), holidays=Holidays("DE"))
    assert who(always, local("2026-12-25T12:00")) == (ANA,)


def test_an_override_across_midnight_beats_every_layer():
    over = Override(CARO, local("2026-11-27T17:00"), local("2026-11-28T02:00"))
    found = spans(schedule(OFFICE), local("2026-11-27T12:00"), local("2026-11-28T12:00"), [over])
    assert found == [
        Span(local("2026-11-27T12:00"), over.begin, (ANA, BEN)),
        Span(over.begin, over.end, (CARO,)),
        Span(over.end, local("2026-11-28T12:00"), ()),
    ]


def test_of_overrides_that_overlap_the_newest_wins():
    first = Override(ANA, local("2026-11-27T10:00"), local("2026-11-27T14:00"))
    second = Override(CARO, local("2026-11-27T12:00"), local("2026-11-27T13:00"))
    begin, end = local("2026-11-27T10:00"), local("2026-11-27T14:00")
    assert [span.who for span in spans(schedule(), begin, end, [first, second])] == [
        (ANA,), (CARO,), (ANA,),
    ]  # fmt: skip
    assert spans(schedule(), begin, end, [second, first]) == [Span(begin, end, (ANA,))]


def test_a_calendar_says_who_where_there_is_one():
    kept = Schedule(timezone="Europe/Berlin", ical=UPLOADED)
    noon, one, two = (local(f"2026-11-27T{hour}:00") for hour in (12, 13, 14))
    entries = [Span(noon, one, (ANA,)), Span(one, two, (ANA, BEN))]
    asked = [noon - MINUTE, noon, one - MINUTE, one, two]
    assert [who(kept, at, (), entries) for at in asked] == [(), (ANA,), (ANA,), (ANA, BEN), ()]
    over = Override(CARO, noon, one)
    assert who(kept, noon, [over], entries) == (CARO,)
    assert next_change(kept, noon, (), entries) == one
    assert [span.who for span in spans(kept, noon - MINUTE, two + MINUTE, (), entries)] == [
        (), (ANA,), (ANA, BEN), (),
    ]  # fmt: skip


def test_an_instant_is_one_whatever_zone_it_is_told_in():
    """Python compares local times that share a zone by the clock on the wall."""
    over = Override(CARO, local("2026-10-25T01:30"), local("2026-10-25T02:45", fold=0))
    assert who(schedule(), local("2026-10-25T02:40", fold=0), [over]) == (CARO,)
    assert who(schedule(), local("2026-10-25T02:40", fold=1), [over]) == ()
    begin, end = local("2026-10-25T02:00", fold=0), local("2026-10-25T03:00")
    assert sum(
        ((s.end - s.begin) for s in spans(schedule(), begin, end)), timedelta()
    ) == timedelta(hours=2)


def test_the_next_change_is_when_somebody_else_is_on_duty():
    assert next_change(schedule(WEEKLY), local("2026-03-25T12:00")) == local("2026-03-30T08:00")
    alone = schedule(Shift(who=(ANA,), rotate="daily", begin=wall("2026-01-01T00:00")))
    assert next_change(alone, local("2026-03-25T12:00")) is None
    later = schedule(Shift(who=(ANA,), begin=wall("2026-08-01T00:00")))
    assert next_change(later, local("2026-03-25T12:00")) is None, "further ahead than it looks"
    assert next_change(later, local("2026-07-25T12:00")) == local("2026-08-01T00:00")


def test_a_schedule_survives_being_stored():
    whole = schedule(
        Shift(who=(ANA, BEN), rotate="12h", begin=wall("2026-01-05T08:00"),
              until=wall("2026-06-01T00:00"), hours="Mo-Fr 08:00-18:00", on_holidays=True),
        Shift(who=(CARO,)),
        holidays=Holidays("DE", "BY"),
    )  # fmt: skip
    assert of_bytes(to_bytes(whole)) == whole
    assert to_bytes(of_bytes(to_bytes(whole))) == to_bytes(whole)
    feed = Schedule(timezone="UTC", ical="https://example.com/duty.ics")
    assert of_bytes(to_bytes(feed)) == feed


# -- against the slow truth --------------------------------------------------------------------------
ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut",
    "Asia/Kathmandu", "Africa/Cairo", "UTC",
]  # fmt: skip
#: Where clocks change, a leap day, a turn of the year, and days without anything.
WINDOWS = [
    date(2026, 3, 28), date(2026, 10, 24), date(2026, 3, 7), date(2026, 10, 31), date(2026, 4, 4),
    date(2026, 10, 3), date(2028, 2, 28), date(2026, 12, 31), date(2026, 4, 23), date(2026, 10, 29),
    date(2026, 6, 10),
]  # fmt: skip
DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]


@st.composite
def hours(draw):
    days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True))
    opens = draw(st.integers(0, 22 * 60))
    closes = draw(st.integers(opens + 1, 23 * 60 + 59))
    return days, time(opens // 60, opens % 60), time(closes // 60, closes % 60)


@st.composite
def shifts(draw, window):
    who = draw(st.lists(st.sampled_from([ANA, BEN, CARO]), min_size=1, max_size=3, unique=True))
    rotate = draw(
        st.sampled_from(["weekly", "daily", "none"])
        | st.integers(1, 30).map(lambda number: timedelta(hours=number))
    )
    begin = datetime.combine(window, time()) + timedelta(
        days=draw(st.integers(-20, 2)), minutes=draw(st.integers(0, 1439))
    )
    until = draw(st.none() | st.integers(1, 30 * 1440).map(lambda late: begin + late * MINUTE))
    return NaiveShift(
        who, rotate=rotate, begin=begin, until=until, hours=draw(st.none() | hours()),
        holidays=holidays_of(Holidays("DE"), window.year) | holidays_of(Holidays("DE"), window.year + 1),
    )  # fmt: skip


def fast(shift: NaiveShift) -> Shift:
    rotate = shift.rotate
    if isinstance(rotate, timedelta):
        rotate = f"{rotate // timedelta(hours=1)}h"
    said = (
        shift.hours and f"{','.join(shift.hours[0])} {shift.hours[1]:%H:%M}-{shift.hours[2]:%H:%M}"
    )
    return Shift(
        who=tuple(shift.who), rotate=rotate, begin=shift.begin, until=shift.until, hours=said
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(ZONES), st.sampled_from(WINDOWS))
def test_it_is_what_walking_through_every_minute_finds(data, name, window):
    naive = data.draw(st.lists(shifts(window), min_size=1, max_size=3))
    zone = ZoneInfo(name)
    begin = datetime.combine(window, time(), UTC) - timedelta(hours=12)
    minutes = [begin + number * MINUTE for number in range(3 * 1440)]
    end = minutes[-1] + MINUTE
    truth = list(walk(naive, zone, minutes))
    asked = schedule(*map(fast, naive), zone=name, holidays=Holidays("DE"))

    assert [who(asked, minute) for minute in minutes] == truth

    changes = [
        begin,
        *(
            m
            for m, now, before in zip(minutes[1:], truth[1:], truth[:-1], strict=True)
            if now != before
        ),
    ]
    found = spans(asked, begin, end)
    assert [span.begin for span in found] == changes
    assert [span.end for span in found] == [*changes[1:], end]
    assert [span.who for span in found] == [truth[(at - begin) // MINUTE] for at in changes]
