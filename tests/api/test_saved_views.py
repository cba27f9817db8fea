"""The inbox narrowed over HTTP, and the views that a person saves."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import SavedView
from core import ids, paging
from tests.api.tenant import Person, Tenant
from tests.events import kinds_of


@pytest.fixture
def ana(tenant: Tenant) -> Person:
    return tenant.person()


def test_views_are_saved_changed_ordered_and_deleted(tenant: Tenant, ana: Person) -> None:
    made = []
    for name, query in (("One", "?risk=high&view=all"), ("Two", "state=past"), ("Three", "")):
        answer = ana.call("POST", "/me/views", json={"name": name, "query": query})
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    assert [(one["query"], one["position"]) for one in made] == [
        ("view=all&risk=high", 0),
        ("view=mine&state=past", 1),
        ("view=mine", 2),
    ]
    first, second, third = (f"/me/views/{one['id']}" for one in made)
    body: dict[str, Any] = {"position": 0, "default": True, "name": "3"}
    assert ana.call("PATCH", third, json=body).json()["default"] is True
    assert ana.call("PATCH", first, json={"default": True}).status_code == 200
    assert ana.call("PATCH", first, json={"position": 900}).json()["position"] == 2
    listed = ana.call("GET", "/me/views").json()["results"]
    assert [(one["name"], one["default"], one["position"]) for one in listed] == [
        ("3", False, 0),
        ("Two", False, 1),
        ("One", True, 2),
    ]
    assert ana.call("DELETE", second).status_code == 204
    assert ana.call("DELETE", second).status_code == 404
    assert kinds_of(tenant.workspace.id)[-1] == "view.removed"


def test_what_does_not_fit_names_the_field(tenant: Tenant, ana: Person) -> None:
    for body, pointer in (
        ({"name": " ", "query": ""}, "/name"),
        ({"name": "x", "query": "cursor=abc"}, "/query"),
        ({"name": "x", "query": "view=all&risk=huge"}, "/query"),
        ({"name": "x", "query": "order=sideways"}, "/query"),
        ({"name": "x", "query": "order=ended"}, "/query"),
        ({"name": "x", "query": "order=urgency&state=past"}, "/query"),
    ):
        answer = ana.call("POST", "/me/views", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (
        ana.call("PATCH", f"/me/views/{ids.encode('viw', ids.uuid7())}", json={}).status_code == 404
    )
    assert not SavedView.objects.filter(workspace_id=tenant.workspace.id).exists()


def test_the_inbox_and_a_view_that_say_no_order_mean_the_same(tenant: Tenant, ana: Person) -> None:
    later, sooner = tenant.submit(expires_in="2h")["id"], tenant.submit(expires_in="1h")["id"]
    for query, usual, found in (
        ("view=all", "urgency", [sooner, later]),
        ("view=all&state=past", "ended", []),
    ):
        body = {"name": query, "query": f"{query}&order={usual}"}
        assert ana.call("POST", "/me/views", json=body).json()["query"] == query
        answers = [ana.call("GET", f"/inbox?{one}") for one in (query, body["query"])]
        for answer in answers:
            assert [one["id"] for one in answer.json()["results"]] == found


def test_the_inbox_takes_filters_and_refuses_what_does_not_fit(tenant: Tenant, ana: Person) -> None:
    asked = tenant.submit()["id"]
    freed = tenant.submit("mail.read")["id"]

    def found(**said: Any) -> list[str]:
        answer = ana.call("GET", "/inbox", params=said)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["results"]]

    assert found(q="send", risk="low,high") == [asked]
    assert found(q="sen nothing") == []
    assert found(state="past", order="ended", q=asked) == [asked]
    assert (
        found(state="past", q=freed) == found(state="past", q="read") == []
    )  # what no role was asked is not hers to see
    for name, value in (("risk", "huge"), ("q", "!"), ("due", "x"), ("state", "waiting,rejected")):
        answer = ana.call("GET", "/inbox", params={name: value})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"?{name}"
    for order, state in (("urgency", "past"), ("ended", "waiting")):
        answer = ana.call("GET", "/inbox", params={"order": order, "state": state})
        assert answer.json()["errors"][0]["pointer"] == "?order"


MOMENT, ID = "2026-01-01T00:00:00+00:00", str(ids.uuid7())


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("created", ["2024-W01-1", ID]),
        ("created", ["2026-01-01T00:00:00", ID]),
        ("created", ["0001-01-01T00:00:00+10:00", ID]),
        ("created", ["soon", ID]),
        ("created", [MOMENT, "x"]),
        ("created", [MOMENT]),
        ("urgency", ["99999999999", MOMENT, ID]),
        ("urgency", ["9" * 5000, MOMENT, ID]),
        ("urgency", ["1.5", MOMENT, ID]),
    ],
)
def test_a_forged_cursor_is_refused(ana: Person, order: str, key: list[str]) -> None:
    cursor = paging.encode(paging.Cursor(order, False, key))
    answer = ana.call("GET", "/inbox", params={"order": order, "cursor": cursor})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("created", [MOMENT, f"urn:uuid:{ID}"]),
        ("created", ["2026-01-01T00:00:00+23:59:59", ID]),
        ("urgency", ["-1_0", MOMENT, ID]),
    ],
)
def test_what_reads_as_a_place_is_one(ana: Person, order: str, key: list[str]) -> None:
    cursor = paging.encode(paging.Cursor(order, False, key))
    answer = ana.call("GET", "/inbox", params={"order": order, "cursor": cursor})
    assert answer.status_code == 200, answer.text
