"""Schedules over HTTP: who may read, who may override, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core import ids
from people.models import Override
from tests.api.tenant import Person
from tests.api.test_doors import refused
from tests.api.test_openapi import check
from tests.events import events_of
from tests.people.schedules.calendars import calendar, event, utc
from tests.people.schedules.office import DAY, HOUR, Office, now
from tests.server import Live


class Desk:
    """An office whose people are signed in where they are asked for."""

    def __init__(self, server: Live) -> None:
        self.server, self.office = server, Office()
        self._signed: dict[Any, Person] = {}

    def __getattr__(self, name: str) -> Person:
        person = getattr(self.office, name)
        if person.id not in self._signed:
            self._signed[person.id] = Person(self.server, person)
        return self._signed[person.id]


@pytest.fixture(scope="module")
def shared(server: Live) -> Desk:
    return Desk(server)


@pytest.fixture
def desk(server: Live) -> Desk:
    return Desk(server)


def per(person: Any) -> str:
    return ids.encode("per", person.id)


def time(begins: datetime, ends: datetime) -> dict[str, str]:
    return {"begins_at": begins.isoformat(), "ends_at": ends.isoformat()}


def put(who: Person, person: Any, begins: datetime, ends: datetime, name: str = "duty") -> Any:
    return who.call(
        "POST", f"/schedules/{name}/overrides", json={"person": per(person), **time(begins, ends)}
    )


def test_everybody_in_the_workspace_reads_who_is_on_duty(shared: Desk) -> None:
    at, office = now(), shared.office
    answer = shared.max.call("GET", "/schedules")
    check("get", "/api/v1/schedules", answer)
    listed = answer.json()["results"]
    assert [one["name"] for one in listed] == ["duty", "office", "sent"]
    duty = listed[0]
    on_duty, _ = office.of_turn(at)
    assert duty["on_duty"] == [{"id": per(on_duty), "name": on_duty.name}]
    assert (duty["timezone"], duty["source"], duty["gaps"]) == ("Europe/Berlin", "shifts", [])
    change = datetime.fromisoformat(duty["next_change"])
    assert at < change <= at + 7 * DAY
    assert office.of_turn(change)[0] != on_duty
    assert listed[1]["gaps"], "nights and weekends"
    assert (listed[2]["on_duty"], listed[2]["next_change"], listed[2]["source"]) == (
        [],
        None,
        "uploaded",
    )


def test_one_schedule_is_read_day_by_day(shared: Desk) -> None:
    answer = shared.max.call("GET", "/schedules/office", params={"from": "2026-01-09", "days": 3})
    check("get", "/api/v1/schedules/{name}", answer)
    found = answer.json()
    assert (found["begins_at"], found["ends_at"]) == (
        "2026-01-08T23:00:00Z",
        "2026-01-11T23:00:00Z",
    )
    ana = [{"id": per(shared.office.ana), "name": "Ana Alt"}]
    assert [(one["begins_at"][:16], one["on_duty"]) for one in found["spans"]] == [
        ("2026-01-08T23:00", []),
        ("2026-01-09T07:00", ana),
        ("2026-01-09T17:00", []),
    ]
    assert len(found["gaps"]) == 2
    assert found["people"] == [per(shared.office.ana)]
    assert (found["calendar"], found["overrides"]) == (None, [])
    whole = shared.max.call("GET", "/schedules/office").json()
    begins, ends = (datetime.fromisoformat(whole[name]) for name in ("begins_at", "ends_at"))
    assert ends - begins == timedelta(days=14)
    autumn = {"from": "2026-10-24", "days": 2}
    ends = shared.max.call("GET", "/schedules/office", params=autumn).json()["ends_at"]
    assert ends == "2026-10-25T23:00:00Z", "a day of 25 hours is a day"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"days": "0"}, "days"),
        ({"days": "63"}, "days"),
        ({"days": "x"}, "days"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-09T08:00:00"}, "from"),
        ({"from": "9999-12-31"}, "from"),
    ],
)
def test_a_time_that_is_none_is_refused_and_nothing_is_written(
    shared: Desk, query: dict[str, str], name: str
) -> None:
    at = now() + HOUR
    body = {"person": per(shared.office.max), **time(at, at + HOUR)}
    for call in (
        shared.ada.call("GET", "/schedules/duty", params=query),
        shared.ada.call("POST", "/schedules/duty/overrides", params=query, json=body),
    ):
        told = refused(call, 422, "invalid_query")
        assert told["errors"][0]["pointer"] == f"?{name}"
    assert not Override.objects.filter(workspace=shared.office.workspace).exists()


def test_another_workspace_has_none_of_it(shared: Desk, desk: Desk) -> None:
    at = now() + HOUR
    slug = {"Assentry-Workspace": shared.office.workspace.slug}
    made = put(shared.ada, shared.office.caro, at, at + HOUR, "office").json()["overrides"][0]["id"]
    body = {"person": per(desk.office.max), **time(at, at + HOUR)}
    for method, path, sent in (
        ("GET", "/schedules/duty", None),
        ("POST", "/schedules/duty/overrides", body),
        ("PUT", "/schedules/sent/ical", {"calendar": "x"}),
    ):
        refused(desk.ada.call(method, path, json=sent, headers=slug), 404, "not_found")
    refused(desk.ada.call("DELETE", f"/schedules/office/overrides/{made}"), 404, "not_found")
    told = refused(put(desk.ada, shared.office.max, at, at + HOUR), 422, "invalid_input")
    assert told["errors"][0] == {
        "pointer": "/person",
        "code": "unknown_person",
        "detail": "This is nobody in this workspace.",
    }
    assert shared.ada.call("DELETE", f"/schedules/office/overrides/{made}").status_code == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/schedules/nights"),
        ("POST", "/schedules/nights/overrides"),
        ("POST", "/schedules/nights/swaps"),
        ("PUT", "/schedules/nights/ical"),
        ("DELETE", "/schedules/nights/overrides/ovr_01h455vb4pex5vsknk084sn02q"),
        ("DELETE", "/schedules/duty/overrides/ovr_01h455vb4pex5vsknk084sn02q"),
        ("DELETE", "/schedules/duty/overrides/x"),
    ],
)
def test_what_is_not_there_is_404(shared: Desk, method: str, path: str) -> None:
    at = now() + HOUR
    bodies = {
        "overrides": {"person": per(shared.office.max), **time(at, at + HOUR)},
        "swaps": {
            "with": per(shared.office.max),
            "give": time(at, at + HOUR),
            "take": time(at, at + HOUR),
        },
        "ical": {"calendar": "x"},
    }
    body = bodies.get(path.rsplit("/", 1)[1])
    refused(shared.ada.call(method, path, json=body), 404, "not_found")


def test_an_override_is_made_shown_and_taken_back(desk: Desk) -> None:
    at, office = now() + HOUR, desk.office
    made = put(desk.ada, office.max, at, at + 2 * HOUR)
    assert made.status_code == 201
    check("post", "/api/v1/schedules/{name}/overrides", made)
    [shown] = made.json()["overrides"]
    assert shown["person"] == {"id": per(office.max), "name": "Max Mann"}
    assert shown["created_by"] == per(office.ada)
    [span] = [one for one in made.json()["spans"] if one["override"] == shown["id"]]
    assert span["on_duty"] == [{"id": per(office.max), "name": "Max Mann"}]
    assert office.on_duty("duty", at) == (office.max.id,)
    [event_told] = events_of(office.workspace.id, "schedule.overridden")
    assert event_told["actor"] == {"type": "person", "id": per(office.ada), "via": "web"}

    path = f"/schedules/duty/overrides/{shown['id']}"
    refused(desk.ben.call("DELETE", path), 403, "not_yours")
    assert desk.max.call("DELETE", path).status_code == 204
    refused(desk.max.call("DELETE", path), 409, "override_over")
    assert office.on_duty("duty", at) != (office.max.id,)


def test_who_may_override_for_whom(desk: Desk) -> None:
    at, office = now() + HOUR, desk.office
    refused(put(desk.max, office.max, at, at + HOUR), 403, "not_yours")
    refused(put(desk.caro, office.ana, at, at + HOUR), 403, "not_yours")
    assert put(desk.caro, office.caro, at, at + HOUR).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"person": "per_x"}, "/person"),
        ({"begins_at": "2026-11-27T10:00:00"}, "/begins_at"),
        ({"begins_at": "0001-01-01T00:00:00+14:00"}, "/begins_at"),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, "/ends_at"),
        ({"until": "x"}, ""),
    ],
)
def test_a_body_that_does_not_fit_names_its_place(
    shared: Desk, body: dict[str, str], pointer: str
) -> None:
    at = now() + HOUR
    good = {"person": per(shared.office.max), **time(at, at + HOUR)}
    answer = shared.ada.call("POST", "/schedules/duty/overrides", json=good | body)
    told = refused(answer, 422, "invalid_input")
    assert told["errors"][0]["pointer"] == pointer


def test_two_people_change_places(desk: Desk) -> None:
    at, office = now() + HOUR, desk.office
    mine, other = office.of_turn(at)
    change = next(at + n * HOUR for n in range(24 * 8) if office.of_turn(at + n * HOUR)[0] == other)
    who = desk.ana if mine == office.ana else desk.ben
    body = {
        "with": per(other),
        "give": time(at, at + HOUR),
        "take": time(change, change + HOUR),
    }
    wrong = {**body, "take": time(at, at + HOUR)}
    told = refused(who.call("POST", "/schedules/duty/swaps", json=wrong), 422, "invalid_input")
    assert (told["errors"][0]["pointer"], told["errors"][0]["code"]) == (
        "/take/begins_at",
        "same_time",
    )
    done = who.call("POST", "/schedules/duty/swaps", json=body)
    assert done.status_code == 201
    check("post", "/api/v1/schedules/{name}/swaps", done)
    assert len(done.json()["overrides"]) == 2
    assert office.on_duty("duty", at) == (other.id,)
    assert office.on_duty("duty", change) == (mine.id,)


def test_a_calendar_is_handed_in_by_an_administrator(desk: Desk) -> None:
    at, office = now(), desk.office
    shift = event(f":{utc(at - HOUR)}", f":{utc(at + HOUR)}", summary="Caro Cruz")
    text = calendar(
        shift, event(f":{utc(at)}", f":{utc(at + HOUR)}", summary="A stranger")
    ).decode()
    path = "/schedules/sent/ical"
    refused(desk.caro.call("PUT", path, json={"calendar": text}), 403, "not_administrator")
    taken = desk.ada.call("PUT", path, json={"calendar": text})
    check("put", "/api/v1/schedules/{name}/ical", taken)
    assert (taken.status_code, taken.json()["events"], taken.json()["unknown"]) == (200, 1, 1)
    assert office.on_duty("sent", at) == (office.caro.id,)
    answer = desk.max.call("GET", "/schedules/sent")
    check("get", "/api/v1/schedules/{name}", answer)
    shown = answer.json()["calendar"]
    assert (shown["place"], shown["events"], shown["unknown"], shown["failed_at"]) == (
        None,
        1,
        1,
        None,
    )

    told = refused(
        desk.ada.call("PUT", path, json={"calendar": "BEGIN:VEVENT"}), 422, "bad_calendar"
    )
    assert "does not begin with BEGIN:VCALENDAR" in told["errors"][0]["detail"]
    refused(
        desk.ada.call("PUT", "/schedules/duty/ical", json={"calendar": text}), 409, "not_uploaded"
    )
    refused(desk.ada.call("PUT", path, json={"calendar": "x" * 1_100_000}), 413, "body_too_large")
    assert office.on_duty("sent", at) == (office.caro.id,)


def test_without_a_session_or_the_token_of_its_form_nothing_is_done(
    shared: Desk, server: Live
) -> None:
    refused(server.call("GET", "/schedules"), 401, "unauthorized")
    at = now() + HOUR
    body = {"person": per(shared.office.max), **time(at, at + HOUR)}
    answer = shared.ada.call(
        "POST", "/schedules/duty/overrides", json=body, headers={"X-CSRFToken": "no"}
    )
    refused(answer, 403, "csrf_failed")
