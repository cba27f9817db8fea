"""Services that only tell, through Apprise and a real receiver: what they hear, and what they never do."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from approvals import cards
from approvals.announcing import tell_due
from core import due, ids
from notifications import trials
from notifications.models import Notification, OtherChannel
from notifications.others import channels
from notifications.others.sending import Others
from notifications.singly import Singly
from notifications.sql import OTHER, TELL
from tests.approvals.world import TEST, World, uuid_of
from tests.callbacks.receiver import Receiver, receiving
from tests.events import events_of
from tests.factories import PASSWORD
from tests.notifications.desk import RULE
from tests.notifications.test_channels_api import administrator
from tests.server import Live

#: What the address holds and nobody may see.
SECRET = "open-sesame"


class Ops:
    """A workspace whose leads' requests are told to a service."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.world = World(
            {"lead": ["ana", "ben"], "other": ["eve"]},
            [RULE],
            password=PASSWORD,
            sensitive=["/card"],
            show="Refund {payload.amount} to {payload.to}",
            risk="high",
        )
        port = receiver.url.rpartition(":")[2].split("/")[0]
        self.url = f"json://ana:{SECRET}@127.0.0.1:{port}/{SECRET}"
        self.channel = self.add("ops", "lead")
        self.sender = Singly(cards.cards, Others())

    def add(self, name: str, role: str) -> OtherChannel:
        return channels.add(
            actor=TEST, workspace=self.world.workspace, name=name, role=role, url=self.url
        )

    def submit(self) -> dict[str, Any]:
        payload = {"amount": 4711, "to": "lea-the-customer", "card": "4111-covered"}
        return self.world.submit(payload=payload, summary="The agent's own words")

    def tell(self, request: dict[str, Any]) -> Notification:
        """What is to be told there of this request."""
        claimed = due.take(TELL, [uuid_of(request)])
        if claimed:
            tell_due(claimed)
        return Notification.objects.get(request_id=uuid_of(request), channel="other")

    def send(self, told: Notification) -> Notification:
        """One turn of the worker, whatever the clock says."""
        values: list[Any] = [timedelta(hours=1), told.id]
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE notifications_notification SET due_at = due_at - %s WHERE id = %s",
                values,
            )
        self.sender.take(due.take(OTHER, [told.id]))
        told.refresh_from_db()
        return told


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def ops(receiver: Receiver) -> Ops:
    return Ops(receiver)


def test_it_hears_of_a_request_and_nothing_of_its_payload(ops: Ops) -> None:
    request = ops.submit()
    told = ops.send(ops.tell(request))
    assert (told.state, told.role, told.tries) == ("sent", "lead", 1)
    (arrived,) = ops.receiver.arrived
    said = json.loads(arrived.body)
    assert said["title"] == "High risk: payments.refund"
    assert f"/requests/{request['id']}" in said["message"]
    assert "bot, of Olivia, asks." in said["message"]
    assert said["type"] == "warning"
    for value in ("4711", "lea-the-customer", "4111", "own words", SECRET):
        assert value not in arrived.body.decode()


def test_only_the_roles_that_are_asked(ops: Ops) -> None:
    ops.add("elsewhere", "other")
    request = ops.submit()
    assert ops.tell(request).other_id == ops.channel.id


def test_what_ended_before_its_turn_is_not_told(ops: Ops) -> None:
    request = ops.submit()
    told = ops.tell(request)
    ops.world.decide("ana", request, "reject")
    assert ops.send(told).state == "withdrawn"
    assert ops.receiver.arrived == []


@pytest.mark.parametrize("status", [500, 401, 302])
def test_a_service_that_does_not_take_it_is_tried_again(ops: Ops, status: int) -> None:
    ops.receiver.answer(status)
    told = ops.send(ops.tell(ops.submit()))
    assert (told.state, told.reason) == ("pending", "the service did not take it")
    assert told.failing_since is not None
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT due_at FROM core_due WHERE subject = %s", [told.id])
        assert cursor.fetchone() == (told.due_at,)
    ops.receiver.answer(200)
    told = ops.send(told)
    assert (told.state, told.tries, told.reason) == ("sent", 2, "")


def test_a_service_that_is_down_is_tried_again(receiver: Receiver) -> None:
    ops = Ops(receiver)
    OtherChannel.objects.all().delete()
    ops.url = f"json://127.0.0.1:9/{SECRET}"
    ops.add("down", "lead")
    told = ops.send(ops.tell(ops.submit()))
    assert (told.state, told.tries) == ("pending", 1)


def test_a_channel_that_was_removed_is_given_up(ops: Ops) -> None:
    told = ops.tell(ops.submit())
    channels.remove(actor=TEST, workspace=ops.world.workspace.id, name="ops")
    told = ops.send(told)
    assert (told.state, told.reason) == ("failed", "removed")
    assert ops.receiver.arrived == []


def test_a_test_says_nothing_of_any_request(ops: Ops) -> None:
    id = trials.other(workspace=ops.world.workspace.id, name="ops")
    assert ops.send(Notification.objects.get(id=id)).state == "sent"
    assert json.loads(ops.receiver.arrived[0].body)["message"] == trials.TEXT


def test_its_address_is_shown_nowhere(
    ops: Ops, server: Live, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = ops.submit()
    told = ops.tell(request)
    ops.receiver.answer(500, SECRET.encode())
    ops.send(told)
    ops.receiver.answer(200)
    ops.send(told)
    ana = administrator(ops.world, server)
    (listed,) = ana.call("GET", "/channels").json()["others"]
    assert listed == {
        "id": ids.encode("oth", ops.channel.id),
        "name": "ops",
        "role": "lead",
        "service": "JSON",
    }
    seen = [
        ana.call("GET", f"/requests/{request['id']}/notifications").text,
        ana.http.get(f"{server.url}/channels", timeout=10).text,
        ana.http.get(f"{server.url}/requests/{request['id']}", timeout=10).text,
        json.dumps(events_of(ops.world.workspace.id)),
        caplog.text,
    ]
    assert "told by ops" in seen[2]
    assert not any(SECRET in text for text in seen)
    assert SECRET.encode() not in bytes(OtherChannel.objects.get(id=ops.channel.id).url)
