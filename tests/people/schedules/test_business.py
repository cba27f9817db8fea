from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people.schedules.business import AHEAD, add
from people.schedules.terms import UPLOADED, Holidays, Schedule, Shift

BERLIN = ZoneInfo("Europe/Berlin")
ANA, BEN = ("ana@example.com",), ("ben@example.com",)
H = timedelta(hours=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def schedule(*hours: str | None, **more) -> Schedule:
    shifts = tuple(Shift(who=ANA, hours=one) for one in hours)
    return Schedule(timezone="Europe/Berlin", shifts=shifts, **more)


OFFICE = schedule("Mo-Fr 08:00-18:00")

TABLE = [
    ("within a day", OFFICE, "2026-11-27T09:00", 4 * H, "2026-11-27T13:00"),
    ("to the last moment", OFFICE, "2026-11-27T09:00", 9 * H, "2026-11-27T18:00"),
    ("over a weekend", OFFICE, "2026-11-27T16:00", 4 * H, "2026-11-30T10:00"),
    ("from a closed time", OFFICE, "2026-11-28T12:00", 4 * H, "2026-11-30T12:00"),
    ("over many days", OFFICE, "2026-11-27T08:00", 100 * H, "2026-12-10T18:00"),
    ("over a holiday", schedule("Mo-Fr 08:00-18:00", holidays=Holidays("DE")),
     "2026-12-24T16:00", 4 * H, "2026-12-28T10:00"),
    ("hours of every layer count once", schedule("Mo-Fr 08:00-12:00", "Mo-Fr 10:00-14:00"),
     "2026-11-27T08:00", 7 * H, "2026-11-30T09:00"),
    ("a layer without hours is none", schedule("Mo-Fr 08:00-12:00", None),
     "2026-11-27T08:00", 5 * H, "2026-11-30T09:00"),
    ("without hours all time counts", schedule(None), "2026-11-27T08:00", 40 * H, "2026-11-29T00:00"),
    ("of a calendar all time counts", Schedule(timezone="UTC", ical=UPLOADED),
     "2026-11-27T08:00", 40 * H, "2026-11-29T00:00"),
    # What passes is real time: on March 29 an hour of the night is left out.
    ("clocks forward", schedule("Mo-Su 00:00-04:00"), "2026-03-29T00:00", 3 * H, "2026-03-29T04:00"),
    ("clocks back", schedule("Mo-Su 00:00-04:00"), "2026-10-25T00:00", 5 * H, "2026-10-25T04:00"),
    ("a leap day", schedule("Mo-Su 08:00-10:00"), "2028-02-28T08:00", 5 * H, "2028-03-01T09:00"),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_open_time_passes(row):
    _, asked, at, amount, expected = row
    assert add(asked, local(at), amount) == local(expected)


@pytest.mark.parametrize("hours", ["off", "2020 Mo-Fr 08:00-18:00"])
def test_where_it_is_never_open_there_is_no_such_instant(hours):
    assert add(schedule(hours), local("2026-11-27T09:00"), H) is None


def test_it_looks_no_further_than_a_year():
    assert add(schedule(None), local("2026-11-27T09:00"), AHEAD + H) is None
    assert add(OFFICE, local("2026-11-27T09:00"), timedelta(days=300)) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30 * 1440), st.integers(1, 60 * 30))
def test_it_is_what_counting_open_minutes_finds(begins, minutes):
    at = datetime(2026, 3, 15, tzinfo=UTC) + timedelta(minutes=begins)
    found = add(OFFICE, at, timedelta(minutes=minutes))
    assert found is not None
    now, passed = at, 0
    while passed < minutes:
        wall = now.astimezone(BERLIN)
        passed += wall.weekday() < 5 and 8 <= wall.hour < 18
        now += timedelta(minutes=1)
    assert found == now
