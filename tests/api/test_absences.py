"""Absences over HTTP: one's own, everybody's, and those that administrators declare for others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import ids
from people.models import Absence
from tests.api.tenant import Person, Tenant
from tests.api.test_openapi import check
from tests.events import events_of
from tests.factories import PersonFactory

FROM = datetime(2099, 3, 1, tzinfo=UTC)


def span(days: float = 7, **more: Any) -> dict[str, Any]:
    until = FROM + timedelta(days=days)
    return {"from": FROM.isoformat(), "until": until.isoformat(), **more}


def faults(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


def id_of(who: Person) -> str:
    return ids.encode("per", who.person.id)


@pytest.fixture
def ana(tenant: Tenant) -> Person:
    return tenant.person()


@pytest.fixture
def ben(tenant: Tenant) -> Person:
    return tenant.person(PersonFactory(workspace=tenant.workspace, name="Ben"))


@pytest.fixture
def boss(tenant: Tenant) -> Person:
    tenant.administrator()
    return tenant.person(tenant.owner)


def test_one_says_when_one_is_away_and_that_one_is_back(
    tenant: Tenant, ana: Person, ben: Person
) -> None:
    made = ana.call("POST", "/me/absences", json=span(stand_in=ben.person.user.email))
    check("post", "/api/v1/me/absences", made)
    assert made.status_code == 201
    shown = made.json()
    assert shown == {
        "id": shown["id"],
        "person": {"id": id_of(ana), "name": ana.person.name},
        "from": "2099-03-01T00:00:00Z",
        "until": "2099-03-08T00:00:00Z",
        "stand_in": {"id": id_of(ben), "name": "Ben"},
        "warnings": [],
    }
    del shown["warnings"]
    for who, path in ((ana, "/me/absences"), (ana, "/people/absences"), (ben, "/people/absences")):
        listed = who.call("GET", path)
        check("get", f"/api/v1{path}", listed)
        assert listed.json() == {"results": [shown]}
    assert ben.call("GET", "/me/absences").json() == {"results": []}
    path = f"/me/absences/{shown['id']}"
    assert ben.call("DELETE", path).status_code == 404
    gone = ana.call("DELETE", path)
    check("delete", "/api/v1/me/absences/{id}", gone)
    assert gone.status_code == 204
    again = ana.call("DELETE", path)
    check("delete", "/api/v1/me/absences/{id}", again)
    assert again.status_code == 404
    assert ana.call("GET", "/people/absences").json() == {"results": []}
    [event] = events_of(tenant.workspace.id, "absence.ended")
    assert event["actor"]["id"] == id_of(ana)


def test_what_cannot_be_is_refused_by_its_field(tenant: Tenant, ana: Person, ben: Person) -> None:
    def said(**body: Any) -> list[tuple[str, str]]:
        answer = ana.call("POST", "/me/absences", json=body)
        check("post", "/api/v1/me/absences", answer)
        return faults(answer)

    assert said(**span(-1)) == [("/until", "absence_ends_early")]
    assert said(**span(400)) == [("/until", "absence_too_long")]
    assert said(**span(stand_in=id_of(ana))) == [("/stand_in", "stand_in_is_self")]
    assert said(**span(stand_in="nobody")) == [("/stand_in", "no_such_stand_in")]
    assert [pointer for pointer, _ in said(**span() | {"from": "2099-03-01T00:00:00"})] == ["/from"]
    assert ben.call("POST", "/me/absences", json=span()).status_code == 201
    assert said(**span(stand_in=id_of(ben))) == [("/stand_in", "stand_in_away")]
    assert ana.call("POST", "/me/absences", json=span()).status_code == 201
    assert said(**span()) == [("/from", "absence_overlaps")]
    assert Absence.objects.filter(person=ana.person).count() == 1


def test_administrators_say_it_for_others(
    tenant: Tenant, ana: Person, ben: Person, boss: Person
) -> None:
    path = f"/people/{id_of(ana)}/absences"
    refused = ben.call("POST", path, json=span())
    check("post", "/api/v1/people/{id}/absences", refused)
    assert refused.status_code == 403
    made = boss.call("POST", path, json=span(stand_in=id_of(ben)))
    check("post", "/api/v1/people/{id}/absences", made)
    assert (made.status_code, made.json()["person"]["id"]) == (201, id_of(ana))
    assert Absence.objects.get(person=ana.person).created_by_id == boss.person.id
    warned = boss.call("POST", f"/people/{id_of(ben)}/absences", json=span())
    assert warned.status_code == 201
    [warning] = warned.json()["warnings"]
    assert warning.startswith(f"Ben stands in for {ana.person.name} from 2099-03-01 00:00 UTC")
    end = f"/people/absences/{made.json()['id']}"
    assert ben.call("DELETE", end).status_code == 403
    ended = boss.call("DELETE", end)
    check("delete", "/api/v1/people/absences/{id}", ended)
    assert ended.status_code == 204
    assert ana.call("GET", "/me/absences").json() == {"results": []}


def test_nothing_crosses_a_workspace(tenant: Tenant, ana: Person, boss: Person) -> None:
    other = Tenant(tenant.server)
    stranger = other.person()
    theirs = stranger.call("POST", "/me/absences", json=span()).json()
    assert boss.call("POST", f"/people/{id_of(stranger)}/absences", json=span()).status_code == 404
    assert boss.call("DELETE", f"/people/absences/{theirs['id']}").status_code == 404
    assert ana.call("DELETE", f"/me/absences/{theirs['id']}").status_code == 404
    assert boss.call("GET", "/people/absences").json() == {"results": []}
    body = span(stand_in=id_of(stranger))
    assert faults(ana.call("POST", "/me/absences", json=body)) == [
        ("/stand_in", "no_such_stand_in")
    ]
    assert stranger.call("GET", "/me/absences").json()["results"] != []


def test_keys_are_no_people(tenant: Tenant) -> None:
    for method, path in (
        ("GET", "/me/absences"),
        ("POST", "/me/absences"),
        ("GET", "/people/absences"),
        ("DELETE", "/people/absences/abs_01h455vb4pex5vsknk084sn02q"),
    ):
        assert tenant.call(method, path).status_code == 403


def test_a_stand_in_decides_over_http(tenant: Tenant, ana: Person, ben: Person) -> None:
    request = tenant.submit()
    assert ben.call("GET", f"/requests/{request['id']}").status_code == 404
    body = {
        "from": "2020-01-01T00:00:00Z",
        "until": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "stand_in": id_of(ben),
    }
    absence = ana.call("POST", "/me/absences", json=body).json()
    [waiting] = ben.call("GET", "/inbox", params={"view": "mine"}).json()["results"]
    assert waiting["id"] == request["id"]
    decided = ben.decide(request)
    check("post", "/api/v1/requests/{id}/decisions", decided)
    [vote] = decided.json()["decisions"]
    assert (vote["person"]["id"], vote["on_behalf_of"]) == (
        id_of(ben),
        {"id": id_of(ana), "name": ana.person.name},
    )
    [told] = tenant.call("GET", f"/requests/{request['id']}").json()["decisions"]
    assert told["on_behalf_of"] == vote["on_behalf_of"]
    pair = tenant.submit("mail.pair")
    assert ana.decide(pair).status_code == 200
    used = ben.decide(pair)
    check("post", "/api/v1/requests/{id}/decisions", used)
    assert used.status_code == 409
    assert used.json()["type"].endswith(":seat_used")
    assert ana.call("DELETE", f"/me/absences/{absence['id']}").status_code == 204
    assert ben.call("GET", f"/requests/{pair['id']}").status_code == 404
