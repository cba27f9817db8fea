"""Deliveries over HTTP: listed, looked into, tried and sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from standardwebhooks import Webhook

from callbacks.models import Callback
from core import ids
from tests.api.desk import Desk, code, faults
from tests.events import events_of


class TestTest:
    def test_it_sends_something_to_try(self, desk: Desk) -> None:
        made = desk.create(events=["request.expired"])
        answer = desk.call("POST", made, "/test")
        assert answer.status_code == 202
        told = answer.json()
        assert (told["type"], told["state"], told["request"]) == ("endpoint.test", "pending", None)
        desk.deliver(1)
        [arrived] = desk.receiver.until(1)
        assert arrived.headers["webhook-id"] == told["id"]
        assert Webhook(made["secret"]).verify(arrived.body, arrived.headers)["data"] == {
            "id": made["id"],
            "agent": desk.agent,
            "url": made["url"],
            "state": "active",
        }

    def test_not_to_one_that_is_switched_off(self, desk: Desk) -> None:
        made = desk.create()
        desk.call("PATCH", made, state="disabled")
        assert code(desk.call("POST", made, "/test")) == "409 endpoint_disabled"
        assert not Callback.objects.filter(endpoint=desk.row(made)).exists()


class TestDeliveries:
    def test_pages_lead_there_and_back(self, desk: Desk) -> None:
        made = desk.create()
        desk.ended(5)
        whole = desk.call("GET", made, "/deliveries").json()
        assert (whole["next"], whole["previous"]) == (None, None)
        all_of_them = [one["id"] for one in whole["results"]]
        rows = Callback.objects.filter(endpoint=desk.row(made)).order_by("-id")
        assert all_of_them == [ids.encode("cbk", one.id) for one in rows]

        def follow(url: str) -> dict[str, Any]:
            found: dict[str, Any] = desk.owner.http.get(url, timeout=30).json()
            return found

        first = desk.call("GET", made, "/deliveries?limit=2&state=pending").json()
        second = follow(first["next"])
        third = follow(second["next"])
        pages = [[one["id"] for one in page["results"]] for page in (first, second, third)]
        assert pages == [all_of_them[:2], all_of_them[2:4], all_of_them[4:]]
        assert third["next"] is None
        assert "state=pending" in first["next"]
        back = follow(third["previous"])
        assert [one["id"] for one in back["results"]] == pages[1]

    def test_by_state(self, desk: Desk) -> None:
        made = desk.create()
        desk.ended(1)
        desk.deliver(1)
        desk.ended(1)
        desk.call("PATCH", made, state="disabled")
        for state, count in (("delivered", 1), ("held", 1), ("pending", 0), ("exhausted", 0)):
            found = desk.call("GET", made, f"/deliveries?state={state}").json()["results"]
            assert [one["state"] for one in found] == [state] * count

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("state=lost", "?state"),
            ("limit=0", "?limit"),
            ("limit=201", "?limit"),
            ("limit=x", "?limit"),
            ("cursor=x", "?cursor"),
            ("cursor=WyJuZXdlc3QiLGZhbHNlLFsieCJdXQ", "?cursor"),
        ],
    )
    def test_a_wrong_query_is_named(self, desk: Desk, query: str, name: str) -> None:
        made = desk.create()
        assert faults(desk.call("GET", made, f"/deliveries?{query}")) == [(name, "invalid_query")]


class TestOneCallback:
    def test_it_is_shown_with_its_bytes_and_every_attempt(self, desk: Desk) -> None:
        made = desk.create()
        desk.receiver.answers = [(500, {}, b"Authorization: Bearer abc"), (200, {}, b"ok")]
        desk.ended(1)
        [listed] = desk.call("GET", made, "/deliveries").json()["results"]
        assert (listed["body"], listed["tries"]) == (None, [])
        path = f"/callbacks/{listed['id']}"
        desk.deliver(1)
        again = desk.owner.call("POST", f"{path}/replay")
        assert code(again) == "409 callback_pending"
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE core_due SET due_at = due_at - interval '1 hour', "
                "ready_at = ready_at - interval '1 hour' WHERE workspace_id = %s",
                [desk.workspace],
            )
        desk.deliver(2)
        seen = desk.owner.call("GET", path).json()
        bodies = {one.body for one in desk.receiver.until(2)}
        assert bodies == {seen["body"].encode()}
        assert (seen["state"], seen["attempts"], seen["last"], seen["endpoint"]) == (
            *("delivered", 2, "200", made["id"]),
        )
        assert [(one["number"], one["status"], one["failure"]) for one in seen["tries"]] == [
            (1, 500, ""),
            (2, 200, ""),
        ]
        assert [one["response"] for one in seen["tries"]] == ["Authorization: •••", "ok"]
        assert made["secret"] not in str(seen)

    def test_it_is_sent_again_under_its_own_id(self, desk: Desk) -> None:
        desk.create()
        desk.ended(1)
        desk.deliver(1)
        name = desk.receiver.until(1)[0].headers["webhook-id"]
        again = desk.owner.call("POST", f"/callbacks/{name}/replay")
        assert (again.status_code, again.json()["state"]) == (202, "pending")
        desk.deliver(2)
        arrived = desk.receiver.until(2)
        assert {one.headers["webhook-id"] for one in arrived} == {name}
        assert len({one.body for one in arrived}) == 1
        [event] = events_of(desk.workspace, "callbacks.replayed")
        assert (event["subject"], event["data"]) == (name, {"which": "one", "count": 1})


class TestReplay:
    def test_what_failed_since_a_moment(self, desk: Desk) -> None:
        made = desk.create()
        desk.receiver.answer(500, webhook_delivery="abort-message")
        desk.ended(1)
        desk.deliver(1)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE callbacks_callback SET created_at = created_at - interval '2 hours' "
                "WHERE endpoint_id = %s",
                [desk.row(made).id],
            )
        for number in (2, 3):
            desk.ended(1)
            desk.deliver(number)
        desk.receiver.answer(200)
        hour = timedelta(hours=1)
        for since, count in ((datetime.now(UTC) - hour, 2), (datetime.now(UTC) + hour, 0)):
            answer = desk.call("POST", made, "/replay", which="failed", since=since.isoformat())
            assert (answer.status_code, answer.json()) == (202, {"count": count})
        assert desk.call("POST", made, "/replay", which="missing").json() == {"count": 0}
        assert desk.call("POST", made, "/replay", which="failed").json() == {"count": 1}
        events = events_of(desk.workspace, "callbacks.replayed")
        assert [event["data"]["count"] for event in events] == [2, 1]
        assert desk.seen(made)["waiting"] == 3

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"which": "all"}, "/which"),
            ({"which": "failed", "since": "2026-11-01T00:00:00"}, "/since"),
            ({"which": "failed", "since": "yesterday"}, "/since"),
            ({"since": "2026-11-01T00:00:00Z"}, ""),
            ({"which": "failed", "until": "2026-11-01T00:00:00Z"}, ""),
        ],
        ids=str,
    )
    def test_an_error_names_its_place_and_sends_nothing(
        self, desk: Desk, body: dict[str, Any], pointer: str
    ) -> None:
        made = desk.create()
        desk.call("PATCH", made, state="disabled")
        desk.ended(1)
        desk.call("PATCH", made, state="active")
        answer = desk.call("POST", made, "/replay", **body)
        assert faults(answer) == [(pointer, "wrong_shape")]
        assert desk.seen(made)["waiting"] == 0
        assert "callbacks.replayed" not in desk.kinds()

    def test_not_to_one_that_is_switched_off(self, desk: Desk) -> None:
        made = desk.create()
        desk.call("PATCH", made, state="disabled")
        desk.ended(1)
        assert code(desk.call("POST", made, "/replay", which="missing")) == "409 endpoint_disabled"
        [held] = desk.call("GET", made, "/deliveries").json()["results"]
        one = desk.owner.call("POST", f"/callbacks/{held['id']}/replay")
        assert code(one) == "409 endpoint_disabled"
        assert {one.state for one in Callback.objects.filter(endpoint=desk.row(made))} == {"held"}
