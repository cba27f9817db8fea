"""Who could decide what on a given day, also when much has changed since; and samples drawn again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from agents.services import create_auditor_key
from core import ids
from people.permissions import grant_permission, revoke_permission
from people.services import create_person, deactivate_person
from tests.api.tenant import Person
from tests.api.test_openapi import check
from tests.approvals.world import TEST, World
from tests.events import events_of
from tests.factories import PASSWORD, bearer
from tests.promises import ask
from tests.server import Live


def now() -> datetime:
    """The database's clock."""
    ((at,),) = ask("SELECT clock_timestamp()")
    found: datetime = at
    return found


def said(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def review(world: World, at: datetime) -> dict[str, Any]:
    return said("access_review", world.slug, "--at", at.isoformat())


def roles(found: dict[str, Any]) -> dict[str, list[str]]:
    """Names of active people by role, as a review tells."""
    names = {one["id"]: one["name"] for one in found["people"]}
    return {role["name"]: [names[each] for each in role["people"]] for role in found["roles"]}


def of(found: dict[str, Any], world: World, name: str) -> dict[str, Any]:
    (one,) = [one for one in found["people"] if one["email"] == world.email(name)]
    return dict(one)


def test_each_day_is_told_as_it_was() -> None:
    world = World({"lead": ["ana"], "money": ["ben"]})
    days = [now()]

    world.grant("ben", "lead")
    grant_permission(
        actor=TEST, workspace=world.workspace, person=world.people["ana"], permission="audit"
    )
    days.append(now())

    world.revoke("ben", "lead")
    revoke_permission(
        actor=TEST, workspace=world.workspace, person=world.people["ana"], permission="audit"
    )
    world.grant("olivia", "money")
    days.append(now())

    deactivate_person(actor=TEST, person=world.people["olivia"])
    days.append(now())

    # Back again, and without the role that was given by hand.
    create_person(actor=TEST, workspace=world.workspace, email=world.email("olivia"))
    world.policy["roles"]["lead"]["members"] = [world.email("ben")]
    world.apply()
    days.append(now())

    found = [review(world, day) for day in days]
    assert [roles(one) for one in found] == [
        {"lead": ["Ana"], "money": ["Ben"]},
        {"lead": ["Ana", "Ben"], "money": ["Ben"]},
        {"lead": ["Ana"], "money": ["Ben", "Olivia"]},
        {"lead": ["Ana"], "money": ["Ben"]},
        {"lead": ["Ben"], "money": ["Ben"]},
    ]
    audits = [of(one, world, "ana")["permissions"] for one in found]
    assert audits == [[], ["audit"], [], [], []]
    active = [of(one, world, "olivia")["active"] for one in found]
    assert active == [True, True, True, False, True]
    assert [one["policy"]["number"] for one in found] == [1, 1, 1, 1, 2]
    sources = [(held["name"], held["source"]) for held in of(found[1], world, "ben")["roles"]]
    assert sources == [("lead", "manual"), ("money", "policy")]
    assert "from memberships" in found[0]["derived"]


def test_before_there_was_anybody_nobody_could() -> None:
    world = World({"lead": ["ana"]})
    found = review(world, now() - timedelta(days=1))
    assert (found["people"], found["roles"], found["policy"]) == ([], [], None)


def test_nobody_of_another_workspace_is_in_it() -> None:
    world, other = World({"lead": ["ana"]}), World({"lead": ["ana", "ben"]})
    found = review(world, now())
    assert {one["email"] for one in found["people"]} == {world.email("ana"), world.email("olivia")}
    assert other.email("ben") not in json.dumps(found)


def test_csv_has_a_line_for_each_and_starts_no_formula() -> None:
    world = World({"lead": ["ana"]})
    create_person(
        actor=TEST, workspace=world.workspace, email=f"eve@{world.slug}.example", name="=1+1"
    )
    out = io.StringIO()
    call_command("access_review", world.slug, "--at", now().isoformat(), "--csv", stdout=out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    told = {row["email"].partition("@")[0]: (row["name"], row["kind"], row["held"]) for row in rows}
    assert told == {
        "ana": ("Ana", "role", "lead"),
        "eve": ("'=1+1", "", ""),
        "olivia": ("Olivia", "", ""),
    }


def test_sentences_name_who_could_use_nothing() -> None:
    world = World({"lead": ["ana"]})
    deactivate_person(actor=TEST, person=world.people["ana"])
    out = io.StringIO()
    call_command("access_review", world.slug, "--at", now().isoformat(), stdout=out)
    assert (
        f"{world.email('ana')} (not active: could use none of it): lead (policy)" in out.getvalue()
    )


@pytest.mark.parametrize("at", ["yesterday", "2026-11-01T00:00:00"])
def test_an_instant_needs_its_offset(at: str) -> None:
    world = World({"lead": ["ana"]})
    with pytest.raises(CommandError, match="is no instant such as"):
        call_command("access_review", world.slug, "--at", at)


def test_auditors_read_it_over_http_and_that_is_an_event(server: Live) -> None:
    world = World({"lead": ["ana"]}, password=PASSWORD)
    day = now()
    world.grant("olivia", "lead")
    made = create_auditor_key(actor=TEST, workspace=world.workspace, name="Yearly audit")

    def get(at: str | None, headers: dict[str, str] | None = None) -> requests.Response:
        answer = server.call(
            "GET",
            "/audit/access",
            headers=bearer(made.token) if headers is None else headers,
            params={} if at is None else {"at": at},
        )
        check("get", "/api/v1/audit/access", answer)
        return answer

    assert get(day.isoformat()).json() == review(world, day)
    (looked,) = events_of(world.workspace.id, "log.read")
    assert looked["data"] == {"wanted": [f"access={day.isoformat()}"]}
    assert looked["actor"]["type"] == "auditor"
    for at in (None, "yesterday", "2026-11-01T00:00:00"):
        refused = get(at)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "?at"
    assert get(day.isoformat(), bearer(world.key.token)).status_code == 403
    ana = Person(server, world.people["ana"])
    assert ana.call("GET", "/audit/access", params={"at": day.isoformat()}).status_code == 403
    assert len(events_of(world.workspace.id, "log.read")) == 1


def test_a_sample_is_drawn_again_by_its_seed() -> None:
    world, other = World({"lead": ["ana"]}), World({"lead": ["ana"]})
    asked = [world.submit(payload={"amount": number})["id"] for number in range(12)]
    other.submit()
    first = said("audit_sample", world.slug, "--count", "5", "--seed", "7")
    again = said("audit_sample", world.slug, "--count", "5", "--seed", "7")
    another = said("audit_sample", world.slug, "--count", "5", "--seed", "8")
    # By the words of the documents, with nothing of ours.
    ranked = sorted(asked, key=lambda one: hashlib.sha256(f"7:{one}".encode()).hexdigest())
    assert first["requests"] == again["requests"] == ranked[:5]
    assert (first["among"], first["seed"]) == (12, "7")
    assert another["requests"] != first["requests"]
    # A larger sample begins with the smaller one.
    larger = said("audit_sample", world.slug, "--count", "50", "--seed", "7")
    assert larger["requests"] == ranked


def test_a_sample_is_of_its_time() -> None:
    world = World({"lead": ["ana"]})
    before = [world.submit()["id"] for _ in range(3)]
    middle = now()
    after = [world.submit()["id"] for _ in range(3)]
    at = middle.astimezone(UTC).isoformat()
    count = ["--count", "9", "--seed", "x"]
    until = said("audit_sample", world.slug, *count, "--until", at)
    since = said("audit_sample", world.slug, *count, "--since", at)
    assert sorted(until["requests"]) == sorted(before)
    assert sorted(since["requests"]) == sorted(after)
    assert until["until"] == at.replace("+00:00", "Z")
    assert all(ids.decode("req", one) for one in before)
