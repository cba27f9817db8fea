"""Commands of schedules: what they say, and what is so."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from core import ids
from tests.commands.test_commands import refuse, run
from tests.events import events_of
from tests.people.schedules.calendars import calendar, event, utc
from tests.people.schedules.office import HOUR, Office, now


def say(*arguments: str) -> str:
    """What a command prints for people."""
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


def test_it_shows_who_is_on_duty_and_the_gaps(office: Office) -> None:
    said = run(
        "schedule_show", office.workspace.slug, "office", "--days", "2", "--at", "2026-01-09"
    )
    ana = [{"id": ids.encode("per", office.ana.id), "name": "Ana Alt"}]
    assert [(one["begins_at"][:16], one["on_duty"]) for one in said["spans"]] == [
        ("2026-01-08T23:00", []),
        ("2026-01-09T07:00", ana),
        ("2026-01-09T17:00", []),
    ]
    assert (said["on_duty"], said["gaps"], said["timezone"]) == ([], 2, "Europe/Berlin")
    assert said["next_change"].startswith("2026-01-09T07:00")


def test_it_speaks_to_people_in_the_schedules_zone(office: Office) -> None:
    done = say(
        "schedule_show",
        office.workspace.slug,
        "office",
        "--days",
        "2",
        "--at",
        "2026-01-09T08:00+01:00",
    )
    assert done.splitlines() == [
        "office in Europe/Berlin: Ana Alt on duty.",
        "Fri 2026-01-09 08:00 – Fri 2026-01-09 18:00  Ana Alt",
        "Fri 2026-01-09 18:00 – Sun 2026-01-11 08:00  nobody",
        "1 gap.",
    ]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        (["nights"], "NAME"),
        (["office", "--days", "0"], "--days"),
        (["office", "--at", "noon"], "--at"),
        (["office", "--at", "2026-01-09T08:00"], "--at"),
    ],
)
def test_what_cannot_be_shown_is_said(office: Office, arguments: list[str], argument: str) -> None:
    data, text = refuse("schedule_show", office.workspace.slug, *arguments)
    assert data["argument"] == argument
    assert text.startswith(f"{argument}: ")


def test_a_calendar_is_handed_in_from_a_file(office: Office, tmp_path: Path) -> None:
    at, file = now(), tmp_path / "duty.ics"
    file.write_bytes(
        calendar(
            event(f":{utc(at - HOUR)}", f":{utc(at + HOUR)}", summary="Caro Cruz"),
            event(f":{utc(at - HOUR)}", f":{utc(at + HOUR)}", summary="Nobody"),
        )
    )
    said = run("schedule_upload", office.workspace.slug, "sent", str(file))
    assert (said["events"], said["unknown"]) == (1, 1)
    assert office.on_duty("sent", at) == (office.caro.id,)
    [told] = events_of(office.workspace.id, "schedule.calendar_read")
    assert told["actor"] == {"type": "operator", "id": None, "via": "schedule_upload"}
    file.write_bytes(b"nothing")
    refused, text = refuse("schedule_upload", office.workspace.slug, "sent", str(file))
    assert (refused["argument"], "BEGIN:VCALENDAR" in text) == ("FILE", True)
    file.write_bytes(b"BEGIN:VCALENDAR" + b" " * 50_000_000)
    _, text = refuse("schedule_upload", office.workspace.slug, "sent", str(file))
    assert "longer than 2 MiB" in text
    missing, _ = refuse("schedule_upload", office.workspace.slug, "sent", str(tmp_path / "no.ics"))
    assert missing["argument"] == "FILE"
    nowhere, _ = refuse("schedule_upload", office.workspace.slug, "x", str(file))
    assert nowhere["argument"] == "NAME"
    assert office.on_duty("sent", at) == (office.caro.id,)
