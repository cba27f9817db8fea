"""What happens to a request arrives at its agent's endpoint: signed, until it is there, under one id."""

from __future__ import annotations

import base64
import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connections
from standardwebhooks import Webhook

from approvals.break_glass import confirm
from approvals.cancel import cancel_by_agent
from approvals.returning import comment
from callbacks import endpoints, lines
from callbacks.endpoints import Wanted
from callbacks.models import Attempt, Callback, Endpoint
from callbacks.sql import DELIVER
from core import due, ids
from core.canonical import parse_digest
from core.problems import Problem
from people.permissions import grant_permission
from tests.approvals.world import TEST, World, uuid_of
from tests.callbacks.receiver import Receiver, receiving, until

MOVES = (
    """UPDATE core_due SET due_at = due_at - %(gap)s, ready_at = ready_at - %(gap)s
        WHERE workspace_id = %(workspace)s""",
    """UPDATE callbacks_endpoint SET open_until = open_until - %(gap)s,
              suspect_since = suspect_since - %(gap)s, failing_since = failing_since - %(gap)s,
              last_failure_at = last_failure_at - %(gap)s
        WHERE id = %(endpoint)s""",
)


class Setting:
    """An endpoint of the world's agent at a receiver."""

    def __init__(self, world: World, receiver: Receiver, **wanted: Any) -> None:
        self.world, self.receiver = world, receiver
        self.secret = endpoints.create(
            actor=TEST, agent=world.agent, wanted=Wanted(url=receiver.url, **wanted)
        )
        self.endpoint = self.secret.endpoint

    def callbacks(self) -> list[Callback]:
        return list(Callback.objects.filter(endpoint=self.endpoint).order_by("id"))

    def one(self) -> Callback:
        (callback,) = self.callbacks()
        return callback

    def now(self) -> Endpoint:
        return Endpoint.objects.get(id=self.endpoint.id)

    def make_due(self, **by: float) -> None:
        """Let time pass for what waits: the promises, and what the endpoint remembers."""
        with connections["owner"].cursor() as cursor:
            values: dict[str, Any] = {
                "gap": timedelta(**by),
                "workspace": self.world.workspace.id,
                "endpoint": self.endpoint.id,
            }
            for statement in MOVES:
                cursor.execute(statement, values)


@pytest.fixture
def setting(world: World, receiver: Receiver) -> Setting:
    return Setting(world, receiver)


def send(deliverer: Any, setting: Setting, attempts: int) -> None:
    """Send what is due, and wait until so many attempts stand in the database."""
    due.run(DELIVER, deliverer.take)
    until(lambda: Attempt.objects.filter(callback__endpoint=setting.endpoint).count() >= attempts)


def test_a_decision_arrives_as_standard_webhooks_says(setting, deliverer):
    request = setting.world.submit(payload={"amount": 20, "card": "4111"})
    setting.world.decide("ana", request)
    send(deliverer, setting, 1)
    (arrived,) = setting.receiver.until(1)
    callback = setting.one()
    assert arrived.headers["webhook-id"] == ids.encode("cbk", callback.id)
    # Somebody who knows only Standard Webhooks accepts these bytes.
    told = Webhook(setting.secret.secret).verify(arrived.body, arrived.headers)
    assert told["type"] == "request.approved"
    assert told["data"]["id"] == request["id"]
    assert told["data"]["status"] == "approved"
    assert told["data"]["permit"]["state"] == "open"
    assert told["data"]["sequence"] > request["sequence"]
    assert told["data"]["left_out"] == []
    assert b"4111" not in arrived.body
    assert "token" not in json.dumps(told)
    signed = next(
        one for one in arrived.headers["webhook-signature"].split() if one.startswith("v1a,")
    )
    public = Ed25519PublicKey.from_public_bytes(
        base64.b64decode(setting.secret.public.removeprefix("whpk_"))
    )
    head = f"{arrived.headers['webhook-id']}.{arrived.headers['webhook-timestamp']}."
    public.verify(base64.b64decode(signed[4:]), head.encode() + arrived.body)
    assert (callback.state, callback.attempts, callback.last) == ("delivered", 1, "204")
    assert bytes(callback.body or b"") == arrived.body
    due.run(DELIVER, deliverer.take)
    assert len(setting.receiver.arrived) == 1


def test_what_people_say_among_themselves_is_not_told(setting, deliverer):
    world = setting.world
    request = world.submit(payload={"amount": 20, "card": "4111-1111"})
    comment(
        actor=TEST, reader=world.reader("ana"), request_id=uuid_of(request), text="He is lying."
    )
    confirm(
        actor=TEST,
        reader=administrator(world, "ben"),
        request_id=uuid_of(request),
        payload_digest=parse_digest(request["payload_digest"]),
        reason="Only this once.",
        assurance="session",
    )
    world.decide("ana", request, "return", comment="Which order?")
    send(deliverer, setting, 1)
    (arrived,) = setting.receiver.until(1)
    assert b"Which order?" in arrived.body
    for hidden in (b"He is lying.", b"Only this once.", b"4111-1111"):
        assert hidden not in arrived.body


def administrator(world: World, name: str) -> Any:
    grant_permission(
        actor=TEST,
        workspace=world.workspace,
        person=world.people[name],
        permission="administer",
    )
    return world.reader(name, "administer")


def test_every_end_is_told(world, receiver, deliverer):
    setting = Setting(world, receiver)
    cancelled = world.submit()
    cancel_by_agent(caller=world.caller, request_id=uuid_of(cancelled))
    rejected = world.submit()
    world.decide("ana", rejected, "reject")
    returned = world.submit()
    world.decide("ana", returned, "return", comment="Which order?")
    world.apply(
        rules=[{"name": "Free", "action": "payments.refund", "effect": "allow"}],
    )
    allowed = world.submit()
    send(deliverer, setting, 4)
    told = {
        (json.loads(one.body)["type"], json.loads(one.body)["data"]["id"])
        for one in receiver.until(4)
    }
    assert told == {
        ("request.cancelled", cancelled["id"]),
        ("request.rejected", rejected["id"]),
        ("request.returned", returned["id"]),
        ("request.approved", allowed["id"]),
    }


def test_failures_are_tried_again_under_one_id_with_fresh_signatures(setting, deliverer):
    setting.receiver.answers = [(500, {}, b"no")] * 3 + [(200, {}, b"ok")]
    setting.world.decide("ana", setting.world.submit())
    for number in range(1, 5):
        send(deliverer, setting, number)
        setting.make_due(hours=1)
    arrived = setting.receiver.until(4)
    assert len({one.headers["webhook-id"] for one in arrived}) == 1
    assert len({one.body for one in arrived}) == 1
    for one in arrived:
        assert Webhook(setting.secret.secret).verify(one.body, one.headers)
    tries = list(Attempt.objects.filter(callback=setting.one()).order_by("number"))
    assert [one.status for one in tries] == [500, 500, 500, 200]
    assert [one.response for one in tries] == ["no", "no", "no", "ok"]
    assert setting.one().state == "delivered"
    assert setting.now().failures == 0


def test_after_ten_tries_it_is_exhausted_and_can_be_replayed(setting, deliverer):
    setting.receiver.answer(500)
    request = setting.world.submit()
    setting.world.decide("ana", request)
    callback = setting.one()
    for number in range(1, 11):
        send(deliverer, setting, number)
        callback = setting.one()
        if number < 10:
            assert callback.state == "pending"
            assert callback.next_at is not None
            setting.make_due(hours=30)
    assert (callback.state, callback.attempts, callback.next_at) == ("exhausted", 10, None)
    assert setting.world.seen("ana", request)["status"] == "approved"
    setting.receiver.answer(200)
    assert lines.replay_all(actor=TEST, endpoint=setting.endpoint.id, which="failed") == 1
    setting.make_due(hours=1)
    send(deliverer, setting, 11)
    assert setting.one().state == "delivered"
    assert len({one.headers["webhook-id"] for one in setting.receiver.until(11)}) == 1


def test_410_disables_at_once_and_what_comes_is_held(setting, deliverer):
    setting.receiver.answer(410)
    setting.world.decide("ana", setting.world.submit())
    send(deliverer, setting, 1)
    until(lambda: setting.now().state == "disabled")
    assert (setting.now().reason, setting.one().state) == ("gone", "held")
    setting.world.decide("ana", setting.world.submit())
    assert [one.state for one in setting.callbacks()] == ["held", "held"]
    setting.receiver.answer(200)
    assert lines.enable(actor=TEST, endpoint=setting.endpoint.id)
    assert lines.replay_all(actor=TEST, endpoint=setting.endpoint.id, which="missing") == 1
    send(deliverer, setting, 2)
    until(lambda: [one.state for one in setting.callbacks()] == ["held", "delivered"])


@pytest.mark.parametrize(
    ("answer", "said", "state"),
    [
        (500, {"webhook_delivery": "abort-message"}, "stopped"),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, "pending"),
        (307, {"Location": "http://169.254.169.254/latest"}, "pending"),
    ],
)
def test_what_answers_mean(setting, deliverer, answer, said, state):
    setting.receiver.answer(answer, b"<script>alert(1)</script>", **said)
    setting.world.decide("ana", setting.world.submit())
    send(deliverer, setting, 1)
    until(lambda: setting.one().attempts == 1)
    assert setting.one().state == state
    assert setting.one().last == str(answer)
    assert len(setting.receiver.arrived) == 1


@pytest.mark.parametrize(
    "asked", ["120", "Fri, 31 Dec 9999 23:59:59 GMT", "999999999", "-1", "abc"]
)
def test_retry_after_is_honoured_and_bounded(setting, deliverer, asked):
    setting.receiver.answer(503, Retry_After=asked)
    setting.world.decide("ana", setting.world.submit())
    send(deliverer, setting, 1)
    until(lambda: setting.one().attempts == 1)
    callback = setting.one()
    assert callback.next_at is not None
    assert callback.last_at is not None
    pause = (callback.next_at - callback.last_at).total_seconds()
    if asked in ("-1", "abc"):
        assert 5 <= pause <= 6
    else:
        assert pause >= 119
        assert pause <= 24 * 3600 + 1


def test_an_address_that_turned_private_is_blocked_when_it_is_sent(setting, deliverer):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE callbacks_endpoint SET url = 'https://10.0.0.1/hook' WHERE id = %s",
            [setting.endpoint.id],
        )
    setting.world.decide("ana", setting.world.submit())
    send(deliverer, setting, 1)
    until(lambda: setting.one().attempts == 1)
    (tried,) = Attempt.objects.filter(callback=setting.one())
    assert (tried.failure, tried.status) == ("blocked", None)
    assert "10.0.0.1" not in tried.detail
    assert setting.receiver.arrived == []


def test_a_name_that_is_not_there_reads_as_one_that_is_refused(setting, deliverer):
    details = set()
    for number, url in enumerate(("https://no-such-name.invalid/x", "https://10.0.0.1/x"), start=1):
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE callbacks_endpoint SET url = %s WHERE id = %s", [url, setting.endpoint.id]
            )
        setting.world.decide("ana", setting.world.submit())
        send(deliverer, setting, number)
        newest = Attempt.objects.filter(callback=setting.callbacks()[-1]).get()
        details.add((newest.failure, newest.detail))
    assert len(details) == 1


def test_secrets_are_masked_in_what_is_kept(world, receiver, deliverer):
    setting = Setting(world, receiver, headers={"X-Tenant-Token": "open-sesame-42"})
    echo = f"you sent open-sesame-42 and {setting.secret.secret}; Authorization: Bearer abc.def"
    receiver.answer(200, echo.encode() + b"\0" + b"x" * 40_000)
    world.decide("ana", world.submit())
    send(deliverer, setting, 1)
    (arrived,) = receiver.until(1)
    assert arrived.headers["x-tenant-token"] == "open-sesame-42"
    (tried,) = Attempt.objects.filter(callback=setting.one())
    for secret in ("open-sesame-42", setting.secret.secret, "abc.def"):
        assert secret not in tried.response
    assert len(tried.response.encode()) <= 20_100


def test_both_secrets_sign_after_a_rotation(setting, deliverer):
    new = endpoints.rotate(actor=TEST, endpoint=setting.endpoint)
    setting.world.decide("ana", setting.world.submit())
    send(deliverer, setting, 1)
    (arrived,) = setting.receiver.until(1)
    for secret in (setting.secret.secret, new.secret):
        assert Webhook(secret).verify(arrived.body, arrived.headers)
    assert len(arrived.headers["webhook-signature"].split()) == 4


def test_a_test_event_arrives(setting, deliverer):
    callback = lines.test(endpoint=setting.endpoint.id)
    send(deliverer, setting, 1)
    (arrived,) = setting.receiver.until(1)
    assert arrived.headers["webhook-id"] == ids.encode("cbk", callback)
    assert json.loads(arrived.body)["type"] == "endpoint.test"


def test_a_large_payload_is_left_to_its_digest(setting, deliverer):
    request = setting.world.submit(payload={"amount": 20, "note": "x" * 17_000})
    setting.world.decide("ana", request)
    send(deliverer, setting, 1)
    (arrived,) = setting.receiver.until(1)
    told = json.loads(arrived.body)["data"]
    assert (told["payload"], told["left_out"]) == (None, ["payload"])
    assert told["payload_digest"] == request["payload_digest"]
    assert len(arrived.body) < 20_000


def test_a_request_may_name_an_address_of_a_known_origin(setting, deliverer):
    own = setting.receiver.url.replace("/hook", "/jobs/7")
    setting.world.decide("ana", setting.world.submit(callback_url=own))
    send(deliverer, setting, 1)
    assert [one.path for one in setting.receiver.until(1)] == ["/jobs/7"]
    with pytest.raises(Problem) as refused:
        setting.world.submit(callback_url="https://elsewhere.example/hook")
    assert refused.value.errors[0].code == "unknown_origin"


def test_one_that_hangs_slows_nobody_else(world, receiver, deliverer):
    setting = Setting(world, receiver)
    other = World(
        {"lead": ["ana"]}, [{"name": "Free", "action": "payments.refund", "effect": "allow"}]
    )
    with receiving() as hung:
        hung.hang = threading.Event()
        stuck = Setting(other, hung)
        for _ in range(150):
            other.submit()
        due.run(DELIVER, deliverer.take)
        world.decide("ana", world.submit())
        began = time.monotonic()
        due.run(DELIVER, deliverer.take)
        receiver.until(1)
        assert time.monotonic() - began < 5
        assert len(hung.arrived) <= 4
        assert setting.receiver.arrived
        hung.hang.set()
        until(lambda: Attempt.objects.filter(callback__endpoint=stuck.endpoint).count() >= 4)
    endpoints.delete(actor=TEST, endpoint=stuck.endpoint)


@pytest.mark.parametrize("answer", [204, 500])
def test_a_lost_lease_writes_nothing(setting, deliverer, answer):
    """A worker that wakes up after its lease: another has the row, and its word counts."""
    setting.receiver.answer(answer)
    setting.receiver.hang = threading.Event()
    setting.world.decide("ana", setting.world.submit())
    due.run(DELIVER, deliverer.take)
    setting.receiver.until(1)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE core_due SET fence = fence + 1 WHERE subject = %s", [setting.one().id]
        )
    setting.receiver.hang.set()
    deliverer.close(5)
    assert setting.one().state == "pending"
    assert Attempt.objects.filter(callback=setting.one()).count() == 0
    lines.disable(actor=TEST, endpoint=setting.endpoint.id)
