"""Where a person is told, and when: tables of cases, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from notifications import routes
from notifications.routes import CHANNELS, Reach, Tried

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
PERSON = UUID(int=1)
SLACK = ((UUID(int=2), "U0ANA"),)
LATE = NOW - routes.TAKEN_OVER_AFTER
ABOUT_TO = LATE + timedelta(microseconds=1)


def reach(has: str = "slack email push", **more: Any) -> Reach:
    """Somebody who can be reached by these channels."""
    ways = has.split()
    return Reach(
        PERSON,
        slack=SLACK if "slack" in ways else (),
        email="email" in ways,
        push="push" in ways,
        **more,
    )


def tried(*of: str) -> list[Tried]:
    """``slack:sent``, ``email:late`` (pending, and failing for too long)…"""
    states = {
        "late": ("pending", LATE),
        "failing": ("pending", ABOUT_TO),
    }
    found = []
    for one in of:
        channel, _, word = one.partition(":")
        state, since = states.get(word, (word, None))
        found.append(Tried(channel, state, since))
    return found


@pytest.mark.parametrize(
    ("has", "chosen", "defaults", "before", "expected"),
    [
        # Nobody said anything: Slack, then mail, and browsers besides.
        ("slack email push", None, [], [], ["push", "slack"]),
        ("slack email", None, [], [], ["slack"]),
        ("email", None, [], [], ["email"]),
        ("push", None, [], [], ["push"]),
        ("", None, [], [], []),
        # What a role says; several roles in their order, each channel once.
        ("slack email push", None, [["email"]], [], ["email"]),
        ("slack email push", None, [["email", "push"]], [], ["push", "email"]),
        ("slack email push", None, [["push"]], [], ["push", "slack"]),
        ("slack email", None, [["email"], ["slack", "email"]], [], ["email"]),
        ("slack", None, [["email"]], [], ["slack"]),
        # What they chose themselves counts more.
        ("slack email push", ("email",), [["slack"]], [], ["email"]),
        ("slack email push", ("email", "slack", "push"), [], [], ["push", "email"]),
        ("slack email push", ("slack",), [["push"]], [], ["slack"]),
        # A channel they have not is passed over; what they did not choose stands last.
        ("email push", ("slack",), [], [], ["email"]),
        ("slack", ("email",), [], [], ["slack"]),
        ("push", ("email",), [], [], ["push"]),
        # On its way, or there: nothing more to do.
        ("slack email push", None, [], ["slack:pending", "push:sent"], []),
        ("slack email push", None, [], ["slack:sent", "push:pending"], []),
        ("slack email push", None, [], ["slack:sent"], ["push"]),
        ("slack email", None, [], ["slack:failing"], []),
        # What fails is taken over, also while it is tried again.
        ("slack email", None, [], ["slack:late"], ["email"]),
        ("slack email", None, [], ["slack:failed"], ["email"]),
        ("slack email", None, [], ["slack:withdrawn"], ["email"]),
        ("slack email", None, [], ["slack:failed", "email:pending"], []),
        ("slack email", None, [], ["slack:failed", "email:failed"], []),
        ("slack email push", ("email",), [], ["email:failed"], ["slack"]),
        ("slack email push", ("email",), [], ["email:late", "slack:failed"], ["push"]),
        ("slack email push", None, [], ["push:failed", "slack:pending"], []),
        # A browser alone is no proof that they are told.
        ("slack email push", None, [], ["push:sent"], ["slack"]),
    ],
)
def test_next_channels(
    has: str,
    chosen: tuple[str, ...] | None,
    defaults: list[list[str]],
    before: list[str],
    expected: list[str],
) -> None:
    found = routes.next_channels(reach(has, chosen=chosen), defaults, tried(*before), NOW)
    assert found == expected


@pytest.mark.parametrize("chosen", [None, *[(one,) for one in CHANNELS]])
def test_nobody_who_can_be_reached_is_passed_over(chosen: tuple[str, ...] | None) -> None:
    for has in CHANNELS:
        assert routes.next_channels(reach(has, chosen=chosen), [], [], NOW) == [has]


def test_every_channel_is_tried_before_silence() -> None:
    for chosen in (None, ("email",), ("push",), ("push", "email")):
        seen: list[Tried] = []
        while found := routes.next_channels(reach(chosen=chosen), [], seen, NOW):
            seen += [Tried(one, "failed") for one in found]
        assert {one.channel for one in seen} == set(CHANNELS)
        assert len(seen) == len(CHANNELS)


def at(zone: str, *clock: int) -> datetime:
    """An instant, by the clocks of a place."""
    return datetime(*clock, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type,misc]


def told(now: datetime, quiet: tuple[time, time], zone: str = "UTC", **more: Any) -> datetime:
    options: dict[str, Any] = {"critical": False, "expires_at": now + timedelta(days=3)} | more
    who = reach(quiet_from=quiet[0], quiet_until=quiet[1], timezone=zone)
    return routes.told_at(who, now=now, **options)


NIGHT = (time(22), time(7))
LUNCH = (time(12), time(13, 30))


@pytest.mark.parametrize(
    ("clock", "quiet", "until"),
    [
        ((10, 12, 0), NIGHT, None),
        ((10, 21, 59), NIGHT, None),
        ((10, 22, 0), NIGHT, (11, 7, 0)),
        ((10, 23, 59), NIGHT, (11, 7, 0)),
        ((11, 0, 0), NIGHT, (11, 7, 0)),
        ((11, 6, 59), NIGHT, (11, 7, 0)),
        ((11, 7, 0), NIGHT, None),
        ((11, 11, 59), LUNCH, None),
        ((11, 12, 0), LUNCH, (11, 13, 30)),
        ((11, 13, 29), LUNCH, (11, 13, 30)),
        ((11, 13, 30), LUNCH, None),
        ((11, 23, 0), LUNCH, None),
        # From midnight, and until midnight.
        ((11, 0, 0), (time(0), time(6)), (11, 6, 0)),
        ((11, 23, 0), (time(20), time(0)), (12, 0, 0)),
        ((11, 19, 0), (time(20), time(0)), None),
        # A new year, and the end of a month.
        ((31, 22, 30), NIGHT, (32, 7, 0)),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"])
def test_quiet_hours_end_where_the_person_is(
    zone: str,
    clock: tuple[int, int, int],
    quiet: tuple[time, time],
    until: tuple[int, int, int] | None,
) -> None:
    def instant(day: int, hour: int, minute: int) -> datetime:
        there = datetime(2026, 1, day if day < 32 else 1, hour, minute, tzinfo=ZoneInfo(zone))
        return (there if day < 32 else there.replace(month=2)).astimezone(UTC)

    now = instant(*clock)
    assert told(now, quiet, zone) == (now if until is None else instant(*until))


def test_seconds_of_the_end_are_not_slept_over() -> None:
    now = datetime(2026, 1, 10, 6, 59, 59, 999_999, tzinfo=UTC)
    assert told(now, NIGHT) == datetime(2026, 1, 10, 7, 0, tzinfo=UTC)


def test_critical_requests_know_no_quiet_hours() -> None:
    now = datetime(2026, 1, 10, 23, tzinfo=UTC)
    assert told(now, NIGHT, critical=True) == now


@pytest.mark.parametrize(
    ("hours", "waits"), [(1, False), (7, False), (7.999, False), (8, False), (8.001, True)]
)
def test_what_would_be_over_in_the_morning_is_told_at_once(hours: float, waits: bool) -> None:
    now = datetime(2026, 1, 10, 23, tzinfo=UTC)
    expected = datetime(2026, 1, 11, 7, tzinfo=UTC) if waits else now
    assert told(now, NIGHT, expires_at=now + timedelta(hours=hours)) == expected


BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("zone", "now", "quiet", "until"),
    [
        # The night that has an hour less: 22:00 to 07:00 is eight hours.
        (BERLIN, (2026, 3, 28, 23, 0), NIGHT, (2026, 3, 29, 7, 0)),
        (NEW_YORK, (2026, 3, 7, 23, 0), NIGHT, (2026, 3, 8, 7, 0)),
        # The one that has an hour more.
        (BERLIN, (2026, 10, 24, 23, 0), NIGHT, (2026, 10, 25, 7, 0)),
        (NEW_YORK, (2026, 10, 31, 23, 0), NIGHT, (2026, 11, 1, 7, 0)),
        # In the hour that there is twice, the first time.
        (BERLIN, (2026, 10, 25, 2, 15), (time(1), time(2, 45)), (2026, 10, 25, 2, 45)),
    ],
)
def test_days_on_which_clocks_are_changed(
    zone: str, now: tuple[int, ...], quiet: tuple[time, time], until: tuple[int, ...]
) -> None:
    assert told(at(zone, *now), quiet, zone) == at(zone, *until)


def test_an_end_that_no_clock_shows_that_day_is_still_in_the_future() -> None:
    """02:30 does not exist in Berlin on 29 March 2026: clocks go from 02:00 to 03:00."""
    now = at(BERLIN, 2026, 3, 29, 1, 30)
    end = told(now, (time(0), time(2, 30)), BERLIN)
    assert now < end <= at(BERLIN, 2026, 3, 29, 3, 30)


def test_the_second_pass_of_an_hour_that_comes_twice() -> None:
    """Quiet until 02:45, now 02:15 for the second time: half an hour more, never a moment that is over."""
    second = datetime(2026, 10, 25, 2, 15, tzinfo=ZoneInfo(BERLIN), fold=1).astimezone(UTC)
    end = told(second, (time(1), time(2, 45)), BERLIN)
    assert end == second + timedelta(minutes=30)


def test_a_time_zone_that_is_gone_is_utc() -> None:
    now = datetime(2026, 1, 10, 23, tzinfo=UTC)
    for zone in ("Mars/Olympus", "../../etc/passwd", ""):
        assert told(now, NIGHT, zone) == datetime(2026, 1, 11, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("digest", "risk", "zone", "now", "slot"),
    [
        ("none", "low", "UTC", (2026, 1, 10, 9, 20), None),
        ("hourly", "medium", "UTC", (2026, 1, 10, 9, 20), None),
        ("daily", "high", "UTC", (2026, 1, 10, 9, 20), None),
        ("daily", "critical", "UTC", (2026, 1, 10, 9, 20), None),
        ("hourly", "low", "UTC", (2026, 1, 10, 9, 20), (2026, 1, 10, 10, 0)),
        ("hourly", "low", "UTC", (2026, 1, 10, 9, 0), (2026, 1, 10, 10, 0)),
        ("hourly", "low", "UTC", (2026, 1, 31, 23, 59), (2026, 2, 1, 0, 0)),
        ("daily", "low", "UTC", (2026, 1, 10, 7, 59), (2026, 1, 10, 8, 0)),
        ("daily", "low", "UTC", (2026, 1, 10, 8, 0), (2026, 1, 11, 8, 0)),
        ("daily", "low", BERLIN, (2026, 1, 10, 9, 0), (2026, 1, 11, 8, 0)),
        ("daily", "low", "Asia/Tokyo", (2026, 1, 10, 7, 0), (2026, 1, 10, 8, 0)),
        # On both sides of a change of clocks: eight by the clock of the day.
        ("daily", "low", BERLIN, (2026, 3, 28, 12, 0), (2026, 3, 29, 8, 0)),
        ("daily", "low", BERLIN, (2026, 10, 24, 12, 0), (2026, 10, 25, 8, 0)),
    ],
)
def test_the_slot_of_a_gathering_mail(
    digest: str, risk: str, zone: str, now: tuple[int, ...], slot: tuple[int, ...] | None
) -> None:
    found = routes.gathered_at(
        reach(digest=digest, timezone=zone),
        risk=risk,
        expires_at=at(zone, *now) + timedelta(days=3),
        now=at(zone, *now),
    )
    assert found == (None if slot is None else at(zone, *slot))


@pytest.mark.parametrize(("minutes", "gathered"), [(10, False), (40, False), (41, True)])
def test_what_does_not_wait_so_long_is_not_gathered(minutes: int, gathered: bool) -> None:
    now = datetime(2026, 1, 10, 9, 20, tzinfo=UTC)
    slot = routes.gathered_at(
        reach(digest="hourly"), risk="low", expires_at=now + timedelta(minutes=minutes), now=now
    )
    assert (slot is not None) is gathered


def test_what_roles_say_of_their_members() -> None:
    said = {"leads": ["email"], "staff": [], "desk": ["slack", "push"]}
    assert routes.merged(said, ("desk", "staff", "gone", "leads")) == [["slack", "push"], ["email"]]
