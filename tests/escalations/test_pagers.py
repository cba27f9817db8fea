"""Pagers ring where a step says so, once, and rest when the request has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core import addresses
from core.problems import Problem
from notifications.models import Notification
from notifications.pagers import registry
from people.services import set_plain_http
from signing import signatures
from tests.approvals.world import TEST, uuid_of
from tests.callbacks.receiver import Receiver, receiving
from tests.escalations.desk import EscalationDesk
from tests.events import events_of

KEY = "0123456789abcdefABCDEF0123456789"
STEPS = [{"after": "1h", "page": "night-desk"}]


@pytest.fixture(autouse=True)
def _loopback_is_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    yield
    monkeypatch.undo()
    addresses.allowed_networks.cache_clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def desk(box) -> EscalationDesk:
    made = EscalationDesk(box, STEPS)
    set_plain_http(actor=TEST, workspace=made.world.workspace, allowed=True)
    made.world.workspace.refresh_from_db()
    return made


def add(desk, receiver, **more):
    return registry.add(
        actor=TEST, workspace=desk.world.workspace, name="night-desk", url=receiver.url, **more
    )


def test_a_webhook_is_called_signed_and_told_when_it_is_over(desk, receiver):
    added = add(desk, receiver)
    request = desk.world.submit(payload={"amount": 20, "iban": "DE89"})
    desk.work()
    desk.after(request, minutes=61)
    assert desk.steps(request) == [(0, "page", "fired")]
    [arrived] = receiver.until(1)
    secret = signatures.parse_secret(added.secret or "")
    at = int(arrived.headers["webhook-timestamp"])
    signed = signatures.headers_of_secret(arrived.headers["webhook-id"], at, arrived.body, secret)
    assert arrived.headers["webhook-signature"] == signed["webhook-signature"]
    assert abs(datetime.now(UTC).timestamp() - at) < 60
    told = json.loads(arrived.body)
    assert told["type"] == "escalation.page"
    assert told["data"] | {"created_at": "", "expires_at": "", "page": ""} == {
        "request": request["id"], "workspace": desk.world.slug, "action": "payments.refund",
        "agent": "bot", "risk": "medium", "status": "pending", "created_at": "", "expires_at": "", "page": "",
    }  # fmt: skip
    # Nothing of the payload leaves the house.
    assert b"DE89" not in arrived.body
    desk.world.decide("ana", request)
    desk.escalate()
    over = json.loads(receiver.until(2)[1].body)
    assert (over["type"], over["data"]["status"]) == ("escalation.resolved", "approved")
    desk.tell_again(request)
    desk.escalate()
    assert len(receiver.arrived) == 2


def test_pagerduty_gets_events_of_its_second_version(desk, receiver):
    receiver.answer(202, b'{"status":"success"}')
    add(desk, receiver, routing_key=KEY)
    request = desk.asked()
    desk.after(request, minutes=61)
    [arrived] = receiver.until(1)
    event = json.loads(arrived.body)
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == (
        KEY,
        "trigger",
        request["id"],
    )
    assert event["payload"]["severity"] == "warning"
    assert event["payload"]["summary"].startswith(
        "Nobody has decided: payments.refund by bot, medium risk, 6 h 5"
    )
    assert event["links"] == [{"href": request["links"]["page"], "text": "Open the request"}]
    assert "webhook-signature" not in arrived.headers
    desk.world.decide("ana", request)
    desk.escalate()
    assert json.loads(receiver.until(2)[1].body) == {
        "routing_key": KEY, "event_action": "resolve", "dedup_key": request["id"],
    }  # fmt: skip


def test_what_a_pager_does_not_take_is_tried_again_under_one_id_and_what_it_refuses_is_not(
    desk, receiver
):
    add(desk, receiver)
    receiver.answers = [(503, {}, b""), (204, {}, b"")]
    request = desk.asked()
    desk.after(request, minutes=61)
    desk.page_later(minutes=1)
    first, second = receiver.until(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    page = Notification.objects.get(request_id=uuid_of(request), kind="page")
    assert (page.state, page.tries) == ("sent", 2)
    other = desk.asked()
    receiver.answer(401)
    desk.after(other, minutes=61)
    lost = Notification.objects.get(request_id=uuid_of(other), kind="page")
    assert (lost.state, lost.reason) == ("failed", "http 401")
    for _ in range(2):
        desk.escalate()
    assert desk.step(other).undelivered_at is not None


def test_a_request_that_ended_before_its_pager_was_called_rings_nobody(desk, receiver):
    add(desk, receiver)
    request = desk.asked()
    desk.after_without_sending(request, minutes=61)
    desk.world.decide("ana", request)
    desk.escalate()
    assert receiver.arrived == []
    kinds = Notification.objects.filter(request_id=uuid_of(request), channel="pager")
    assert {(one.kind, one.state) for one in kinds} == {
        ("page", "withdrawn"),
        ("unpage", "withdrawn"),
    }


@pytest.mark.parametrize(
    ("name", "url", "key", "pointer"),
    [
        ("Night desk", "https://pager.example.com/hook", None, "/name"),
        ("night-desk", "ftp://pager.example.com", None, "/url"),
        ("night-desk", "", None, "/url"),
        ("night-desk", "", "too-short", "/routing_key"),
    ],
)
def test_a_pager_that_cannot_be_one_is_refused(desk, name, url, key, pointer):
    with pytest.raises(Problem) as refused:
        registry.add(
            actor=TEST, workspace=desk.world.workspace, name=name, url=url, routing_key=key
        )
    assert [fault.pointer for fault in refused.value.errors] == [pointer]
    assert events_of(desk.world.workspace.id, "pager.added") == []


def test_names_are_taken_once_and_what_was_removed_is_gone(desk, receiver):
    add(desk, receiver)
    with pytest.raises(Problem) as taken:
        add(desk, receiver)
    assert taken.value.code == "pager_exists"
    registry.remove(actor=TEST, workspace=desk.world.workspace.id, name="night-desk")
    with pytest.raises(Problem) as absent:
        registry.remove(actor=TEST, workspace=desk.world.workspace.id, name="night-desk")
    assert absent.value.status == 404
    kinds = [event["kind"] for event in events_of(desk.world.workspace.id)]
    assert [kind for kind in kinds if kind.startswith("pager.")] == ["pager.added", "pager.removed"]
