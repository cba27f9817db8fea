"""How a person wants to be told: what may be set, what is refused, and what stands in the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from audit.actor import Actor
from core import ids
from core.problems import Problem
from notifications import preferences
from notifications.models import Preference
from notifications.preferences import Preferences
from people.models import Person
from tests.events import events_of, kinds_of
from tests.factories import PersonFactory
from tests.together import until_waiting


@pytest.fixture
def ana() -> Person:
    made: Person = PersonFactory(name="Ana A")
    return made


def put(person: Person, **wanted: Any) -> Preferences:
    actor = Actor.person(person.id, channel="web")
    return preferences.set_(actor=actor, person=person, wanted=Preferences(**wanted))


def faults(person: Person, **wanted: Any) -> list[tuple[str, str]]:
    with pytest.raises(Problem) as refused:
        put(person, **wanted)
    assert refused.value.status == 422
    assert all(one.detail.endswith(".") for one in refused.value.errors)
    return [(one.pointer, one.code) for one in refused.value.errors]


def test_who_set_nothing_has_the_defaults(ana: Person) -> None:
    assert preferences.read(person=ana) == Preferences(
        channels=None,
        quiet_from=None,
        quiet_until=None,
        timezone="UTC",
        digest="none",
        outcomes=True,
    )


@pytest.mark.parametrize(
    "wanted",
    [
        {"channels": ["push", "email", "slack"]},
        {"channels": ["email"]},
        {"quiet_from": "22:00", "quiet_until": "07:30", "timezone": "Europe/Berlin"},
        {"quiet_from": "00:00", "quiet_until": "23:59"},
        {"timezone": "America/Argentina/Buenos_Aires"},
        {"timezone": "Etc/GMT+5"},
        {"digest": "hourly"},
        {"digest": "daily", "outcomes": False},
    ],
)
def test_what_is_set_is_read_and_in_the_log(ana: Person, wanted: dict[str, Any]) -> None:
    assert put(ana, **wanted) == preferences.read(person=ana) == Preferences(**wanted)
    [event] = events_of(ana.workspace_id, "preference.set")
    assert event["actor"] == {"type": "person", "id": ids.encode("per", ana.id), "via": "web"}
    assert event["subject"] == ids.encode("per", ana.id)
    assert event["data"] == {
        "channels": wanted.get("channels"),
        "digest": wanted.get("digest", "none"),
        "quiet": "quiet_from" in wanted,
        "outcomes": wanted.get("outcomes", True),
    }


def test_it_is_all_or_nothing_and_the_same_again_is_no_event(ana: Person) -> None:
    put(ana, channels=["email"], quiet_from="22:00", quiet_until="06:00")
    put(ana, channels=["email"], quiet_from="22:00", quiet_until="06:00")
    assert len(events_of(ana.workspace_id, "preference.set")) == 1
    before = Preference.objects.get(person=ana).changed_at
    assert put(ana, digest="daily") == preferences.read(person=ana) == Preferences(digest="daily")
    assert len(events_of(ana.workspace_id, "preference.set")) == 2
    [row] = Preference.objects.filter(person=ana)
    assert (row.channels, row.quiet_from, row.workspace_id) == (None, None, ana.workspace_id)
    assert row.changed_at > before


def test_another_person_is_left_alone(ana: Person) -> None:
    ben: Person = PersonFactory(workspace=ana.workspace)
    put(ana, channels=["email"])
    put(ben, channels=["slack"])
    assert preferences.read(person=ana).channels == ["email"]
    assert preferences.read(person=ben).channels == ["slack"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"channels": []}, [("/channels", "missing")]),
        ({"channels": ["sms"]}, [("/channels/0", "unknown_channel")]),
        ({"channels": ["slack", "Email"]}, [("/channels/1", "unknown_channel")]),
        ({"channels": ["other"]}, [("/channels/0", "unknown_channel")]),
        ({"channels": ["web"]}, [("/channels/0", "unknown_channel")]),
        ({"channels": ["email", "slack", "email"]}, [("/channels/2", "named_twice")]),
        ({"quiet_from": "22:00"}, [("/quiet_until", "missing")]),
        ({"quiet_until": "22:00"}, [("/quiet_from", "missing")]),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, [("/quiet_until", "same_time")]),
        ({"quiet_from": "24:00", "quiet_until": "7:00"}, [("/quiet_from", "malformed"), ("/quiet_until", "malformed")]),
        ({"quiet_from": "22:60", "quiet_until": "07:00"}, [("/quiet_from", "malformed")]),
        ({"quiet_from": "22:00:00", "quiet_until": "07:00"}, [("/quiet_from", "malformed")]),
        ({"quiet_from": "22:00\n", "quiet_until": "07:00"}, [("/quiet_from", "malformed")]),
        ({"quiet_from": "２２:００", "quiet_until": "07:00"}, [("/quiet_from", "malformed")]),
        ({"quiet_from": "", "quiet_until": ""}, [("/quiet_from", "malformed"), ("/quiet_until", "malformed")]),
        ({"timezone": ""}, [("/timezone", "unknown_timezone")]),
        ({"timezone": "europe/berlin"}, [("/timezone", "unknown_timezone")]),
        ({"timezone": "Berlin"}, [("/timezone", "unknown_timezone")]),
        ({"timezone": "localtime"}, [("/timezone", "unknown_timezone")]),
        ({"timezone": "../../etc/passwd"}, [("/timezone", "unknown_timezone")]),
        ({"timezone": "UTC\x00"}, [("/timezone", "unknown_timezone")]),
        ({"timezone": "x" * 100_000}, [("/timezone", "unknown_timezone")]),
        ({"digest": "weekly"}, [("/digest", "unknown_digest")]),
        ({"digest": ""}, [("/digest", "unknown_digest")]),
        (
            {"channels": [], "quiet_from": "9", "timezone": "Moon", "digest": "never"},
            [("/channels", "missing"), ("/quiet_from", "malformed"), ("/quiet_until", "missing"),
             ("/timezone", "unknown_timezone"), ("/digest", "unknown_digest")],
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_whole(
    ana: Person, wanted: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    put(ana, channels=["push"])
    assert faults(ana, **{"outcomes": False, **wanted}) == found
    assert preferences.read(person=ana) == Preferences(channels=["push"])
    assert kinds_of(ana.workspace_id).count("preference.set") == 1


def test_a_long_list_is_not_answered_at_length(ana: Person) -> None:
    assert len(faults(ana, channels=["sms"] * 10_000)) == len(preferences.CHOICES) + 1


def test_every_time_zone_on_offer_is_taken_and_fits() -> None:
    assert {"UTC", "Europe/Berlin", "Asia/Kolkata"} < set(preferences.zones())
    width = Preference._meta.get_field("timezone").max_length
    assert width is not None
    assert max(map(len, preferences.zones())) <= width


def test_the_database_holds_to_it_too(ana: Person) -> None:
    put(ana, quiet_from="22:00", quiet_until="07:00")
    for column, value in (
        ("quiet_until", None),
        ("quiet_until", "22:00"),
        ("channels", ["sms"]),
        ("channels", []),
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE notifications_preference SET {column} = %s WHERE person_id = %s",
                [value, ana.id],
            )


def test_whoever_waited_for_the_same_sets_nothing_twice(ana: Person) -> None:
    """What stands is looked at behind the lock: else two would say what only one changed."""

    def same() -> Preferences:
        try:
            return put(ana, digest="daily")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            put(ana, digest="daily")
            later = threads.submit(same)
            until_waiting(1)
        assert later.result(10) == preferences.read(person=ana) == Preferences(digest="daily")
    assert Preference.objects.filter(person=ana).count() == 1
    assert len(events_of(ana.workspace_id, "preference.set")) == 1
