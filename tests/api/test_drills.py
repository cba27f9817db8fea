"""Drills over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from core import ids
from tests.api.tenant import Tenant
from tests.notifications.mail_desk import posting
from tests.server import Live


@pytest.fixture
def tenant(server: Live, settings: Settings) -> Iterator[Tenant]:
    """A workspace whose people are told by mail, and whose owner administers it."""
    found = Tenant(server)
    found.administrator()
    with posting(settings):
        yield found


def test_an_administrator_starts_one_and_people_say_that_they_are_there(tenant: Tenant) -> None:
    owner, one, two = (tenant.person(who) for who in (tenant.owner, tenant.one, tenant.two))
    started = owner.call("POST", "/drills", json={"role": "reviewers"})
    assert started.status_code == 201, started.text
    report = started.json()
    assert report | {"created_at": "", "id": "", "unreached": [], "reports": []} == {
        "id": "",
        "role": "reviewers",
        "by": tenant.owner.name,
        "created_at": "",
        "people": 2,
        "confirmed": 0,
        "settled": False,
        "unreached": [],
        "reports": [],
        "places": [],
    }
    assert [(each["channel"], each["state"]) for each in report["reports"][0]["messages"]] == [
        ("email", "pending")
    ]
    path = f"/drills/{report['id']}"
    mine = one.call("POST", f"{path}/confirm")
    assert mine.status_code == 200, mine.text
    (own,) = mine.json()["reports"]
    assert (own["name"], own["reached"]) == (tenant.one.name, True)
    assert own["took_s"] >= 0
    assert one.call("POST", f"{path}/confirm").json() == mine.json()
    whole = owner.call("GET", path).json()
    assert (whole["confirmed"], whole["unreached"]) == (1, [tenant.two.name])
    assert [each["id"] for each in two.call("GET", "/drills").json()["results"]] == [report["id"]]
    again = owner.call("POST", "/drills", json={"all_roles": True})
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "drill_running")


def test_only_administrators_start_one(tenant: Tenant) -> None:
    refused = tenant.person().call("POST", "/drills", json={"all_roles": True})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (
        403,
        "not_administrator",
    )
    assert tenant.call("POST", "/drills", json={"all_roles": True}).status_code == 403


@pytest.mark.parametrize("body", [{}, {"role": "reviewers", "all_roles": True}, {"role": "gone"}])
def test_one_role_or_all(tenant: Tenant, body: dict[str, object]) -> None:
    refused = tenant.person(tenant.owner).call("POST", "/drills", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/role")


def test_another_workspace_s_drill_is_none(tenant: Tenant, server: Live) -> None:
    drill = tenant.person(tenant.owner).call("POST", "/drills", json={"all_roles": True}).json()
    other = Tenant(server)
    other.administrator()
    stranger = other.person(other.owner)
    for method, path in (
        ("GET", f"/drills/{drill['id']}"),
        ("POST", f"/drills/{drill['id']}/confirm"),
        ("GET", f"/drills/{ids.encode('drl', ids.uuid7())}"),
        ("GET", "/drills/drl_nothing"),
    ):
        assert stranger.call(method, path).status_code == 404
