"""Push messages through a push service on loopback, over TLS: what it sees, what the browser reads, what fails."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.conf import settings as configured
from django.db import connections
from pytest_django import Settings

from approvals import cards
from approvals.announcing import tell_due
from core import due, ids
from core.addresses import allowed_networks
from core.due import Claimed
from notifications import preferences
from notifications.mail.server import Server
from notifications.models import Notification, PushSubscription, Unreached
from notifications.preferences import Preferences
from notifications.push import subscriptions
from notifications.push.sending import Push
from notifications.singly import Singly
from notifications.sql import PUSH, TELL
from tests.approvals.world import TEST, World, uuid_of
from tests.callbacks.receiver import Receiver, receiving
from tests.core.certificates import Authority, serving_as
from tests.core.receivers import allow
from tests.events import events_of, kinds_of
from tests.notifications.push_browser import PushBrowser, vapid

RULE: dict[str, Any] = {
    "name": "Ask the leads",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}
#: Words that stand in what the agent sent, and in nothing that we write.
SECRETS = ("Zanzibar", "unopened-parcel", "Please hurry", "Refund to")
BODY: dict[str, Any] = {
    "payload": {"amount": 20, "to": "Zanzibar", "note": "unopened-parcel"},
    "summary": "Please hurry, the customer waits.",
}
_MOVES = (
    (
        "UPDATE notifications_notification SET due_at = due_at - %(by)s, held_until = held_until - %(by)s,"
        " failing_since = failing_since - %(by)s WHERE workspace_id = %(workspace)s"
    ),
    (
        "UPDATE core_due SET due_at = due_at - %(by)s, ready_at = ready_at - %(by)s"
        " WHERE workspace_id = %(workspace)s"
    ),
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("An authority")


@pytest.fixture
def service(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Receiver]:
    """A push service whose certificate is of an authority that the operator trusts."""
    allow(monkeypatch, "127.0.0.0/8")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with receiving(tls=serving_as(authority.issue("127.0.0.1"), tmp_path)) as receiver:
        receiver.answer(201)
        yield receiver
    monkeypatch.undo()
    allowed_networks.cache_clear()


class Pushed:
    """Ana, who is asked, and whose browsers are at the push service."""

    def __init__(self, service: Receiver, browsers: int = 1, **action: Any) -> None:
        self.service = service
        action = {"title": "Refund to {{ payload.to }}", "risk": "medium"} | action
        self.world = World({"lead": ["ana"]}, [RULE], **action)
        self.ana = self.world.people["ana"]
        self.browsers = [self.subscribe(f"/send/{n}") for n in range(browsers)]
        self.sender = Singly(cards.cards, Push())

    def subscribe(self, path: str) -> PushBrowser:
        made = PushBrowser(self.service.url.removesuffix("/hook") + path)
        raw = made.json
        subscriptions.subscribe(
            actor=TEST,
            person=self.ana,
            endpoint=raw["endpoint"],
            key=raw["keys"]["p256dh"],
            secret=raw["keys"]["auth"],
            browser="A browser",
        )
        return made

    def tell(self, request: dict[str, Any]) -> None:
        tell_due(due.take(TELL, [uuid_of(request)]))

    def claimed(self) -> list[Claimed]:
        found = Notification.objects.filter(workspace=self.world.workspace, channel="push")
        return due.take(PUSH, [one.id for one in found])

    def work(self, request: dict[str, Any]) -> None:
        """Tell of it, and send what is due."""
        self.tell(request)
        self.send()

    def send(self) -> None:
        self.sender.take(self.claimed())

    def ask(self, **body: Any) -> dict[str, Any]:
        request = self.world.submit(**(BODY | body))
        self.work(request)
        return request

    def wait(self, **by: float) -> None:
        """Let time pass for what is to be sent."""
        values: dict[str, Any] = {
            "by": timedelta(**by),
            "workspace": self.world.workspace.id,
        }
        with connections["owner"].cursor() as cursor:
            for move in _MOVES:
                cursor.execute(move, values)

    def one(self, request: dict[str, Any], channel: str = "push") -> Notification:
        return Notification.objects.get(request_id=uuid_of(request), channel=channel)

    def left(self) -> int:
        return PushSubscription.objects.filter(user=self.ana.user).count()


@pytest.fixture
def pushed(service: Receiver) -> Pushed:
    return Pushed(service)


class TestWhatArrives:
    def test_the_browser_reads_how_urgent_it_is_and_nothing_of_what_would_run(
        self, pushed: Pushed
    ) -> None:
        request = pushed.ask(expires_in="4h")
        [arrived] = pushed.service.arrived
        [browser] = pushed.browsers
        shown = browser.shown(arrived.body)
        assert shown == {
            "title": "A decision is asked of you",
            "body": "Medium risk, 3 h 59 min left.",
            "url": f"{configured.BASE_URL}/requests/{request['id']}",
            "tag": request["id"],
        }
        seen = json.dumps(shown) + json.dumps(arrived.headers) + arrived.path
        assert not any(secret in seen for secret in SECRETS)
        one = pushed.one(request)
        assert (one.state, one.reference, one.tries) == ("sent", "1 of 1 browsers", 1)
        assert one.sent_at is not None
        [row] = PushSubscription.objects.filter(user=pushed.ana.user)
        assert row.last_success_at is not None

    def test_what_the_push_service_sees(self, pushed: Pushed) -> None:
        request = pushed.ask(expires_in="4h")
        [arrived] = pushed.service.arrived
        headers = arrived.headers
        assert arrived.path == "/send/0"
        assert headers["content-encoding"] == "aes128gcm"
        assert headers["content-type"] == "application/octet-stream"
        assert headers["topic"] == uuid_of(request).hex
        assert len(headers["topic"]) <= 32  # RFC 8030, 5.4
        assert headers["urgency"] == "normal"
        assert 4 * 3_600 - 60 <= int(headers["ttl"]) <= 4 * 3_600
        assert "cookie" not in headers
        claims = vapid(
            headers["authorization"],
            endpoint=pushed.browsers[0].endpoint,
            key=subscriptions.public_key(),
        )
        assert claims["sub"] == configured.BASE_URL
        assert 0 < claims["exp"] - time.time() <= 3_600
        assert set(claims) == {"aud", "exp", "sub"}
        for secret in (*SECRETS, request["id"], "Medium"):
            assert secret.encode() not in arrived.body

    @pytest.mark.parametrize(
        ("risk", "urgency"),
        [("critical", "high"), ("high", "high"), ("medium", "normal"), ("low", "low")],
    )
    def test_urgency_is_the_risk(self, service: Receiver, risk: str, urgency: str) -> None:
        pushed = Pushed(service, risk=risk)
        pushed.ask()
        [arrived] = service.arrived
        assert arrived.headers["urgency"] == urgency
        assert pushed.browsers[0].shown(arrived.body)["body"].startswith(f"{risk.title()} risk, ")

    def test_it_is_kept_until_the_deadline_and_a_day_at_most(self, pushed: Pushed) -> None:
        long_lived = {**RULE, "ask": {**RULE["ask"], "expires_in": "3d"}}
        pushed.world.apply(rules=[long_lived])
        pushed.ask(expires_in="10m")
        pushed.ask()
        short, long = (int(one.headers["ttl"]) for one in pushed.service.arrived)
        assert 9 * 60 <= short <= 10 * 60
        assert long == 24 * 3_600

    def test_every_browser_is_told_each_in_its_own_key(self, service: Receiver) -> None:
        pushed = Pushed(service, browsers=3)
        request = pushed.ask()
        by_path = {one.path: one for one in service.arrived}
        assert set(by_path) == {"/send/0", "/send/1", "/send/2"}
        for number, browser in enumerate(pushed.browsers):
            assert browser.shown(by_path[f"/send/{number}"].body)["tag"] == request["id"]
        for one, two in pairwise(by_path.values()):
            assert one.body[21:86] != two.body[21:86]
        assert pushed.one(request).reference == "3 of 3 browsers"

    def test_a_question_is_called_one(self, pushed: Pushed) -> None:
        request = pushed.world.ask(prompt="Zanzibar or Please hurry?")
        pushed.work(request)
        [arrived] = pushed.service.arrived
        shown = pushed.browsers[0].shown(arrived.body)
        assert shown["title"] == "A question to you"
        assert not any(secret in str(shown) for secret in SECRETS)

    def test_the_owner_hears_how_it_ended(self, service: Receiver) -> None:
        pushed = Pushed(service, browsers=0)
        request = pushed.world.submit(**BODY)
        pushed.tell(request)
        pushed.ana = pushed.world.people["olivia"]
        browser = pushed.subscribe("/send/olivia")
        pushed.world.decide("ana", request, comment="Please hurry")
        pushed.work(request)
        [arrived] = service.arrived
        shown = browser.shown(arrived.body)
        assert shown["title"] == "Approved"
        assert not any(secret in str(shown) for secret in SECRETS)

    def test_what_ended_meanwhile_is_not_sent(self, pushed: Pushed) -> None:
        request = pushed.world.submit(**BODY)
        pushed.tell(request)
        pushed.world.decide("ana", request)
        pushed.send()
        assert pushed.service.arrived == []
        assert pushed.one(request).state == "withdrawn"

    def test_a_trial_message_says_that_it_works(self, pushed: Pushed) -> None:
        made = Notification.objects.create(
            workspace=pushed.world.workspace, kind="test", channel="push",
            person=pushed.ana, priority=3,
        )  # fmt: skip
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence) "
                "VALUES (core_uuid7(), %s, %s, %s, now(), now(), 0)",
                [PUSH, pushed.world.workspace.id, made.id],
            )
        pushed.send()
        [arrived] = pushed.service.arrived
        assert pushed.browsers[0].shown(arrived.body)["body"] == "Notifications work here."
        made.refresh_from_db()
        assert made.state == "sent"


class TestWhatFails:
    @pytest.mark.parametrize("status", [404, 410])
    def test_a_browser_that_is_gone_is_ended_with_its_event(
        self, pushed: Pushed, status: int
    ) -> None:
        pushed.service.answer(status)
        request = pushed.ask()
        assert pushed.left() == 0
        [event] = events_of(pushed.world.workspace.id, "push.unsubscribed")
        assert event["data"] == {"reason": "gone"}
        assert event["actor"] == {"type": "system", "id": None, "via": "notifications"}
        assert event["subject"] == ids.encode("per", pushed.ana.id)
        one = pushed.one(request)
        assert (one.state, one.reason) == ("failed", f"http {status}")
        pushed.ask()
        assert len(pushed.service.arrived) == 1

    def test_one_that_was_removed_meanwhile_ends_once(self, pushed: Pushed) -> None:
        pushed.service.answer(410)
        request = pushed.world.submit(**BODY)
        pushed.tell(request)
        pushed.service.hang = threading.Event()
        [row] = subscriptions.subscriptions(person=pushed.ana)

        def send() -> None:
            try:
                pushed.send()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as threads:
            sending = threads.submit(send)
            pushed.service.until(1)
            subscriptions.unsubscribe(actor=TEST, person=pushed.ana, subscription=row.id)
            pushed.service.hang.set()
            sending.result(20)
        [event] = events_of(pushed.world.workspace.id, "push.unsubscribed")
        assert event["data"] == {"reason": "by_hand"}

    def test_one_that_is_gone_takes_none_of_the_others_away(self, service: Receiver) -> None:
        pushed = Pushed(service, browsers=2)
        service.answers = [(410, {}, b""), (201, {}, b"")]
        request = pushed.ask()
        assert pushed.left() == 1
        one = pushed.one(request)
        assert (one.state, one.reference) == ("sent", "1 of 2 browsers")
        assert kinds_of(pushed.world.workspace.id).count("push.unsubscribed") == 1

    def test_all_gone_the_next_channel_tells(self, pushed: Pushed, settings: Settings) -> None:
        pushed.service.answer(410)
        request = pushed.ask()
        assert not Notification.objects.filter(request_id=uuid_of(request), channel="email")
        settings.SMTP = Server("127.0.0.1", 25, "none")
        pushed.tell(request)  # promised by the failure
        assert pushed.one(request, "email").state == "pending"
        assert pushed.one(request).state == "failed"

    def test_all_gone_and_no_other_channel_is_noticed(self, service: Receiver) -> None:
        pushed = Pushed(service)
        service.answer(410)
        request = pushed.ask()
        browser = pushed.subscribe("/send/new")
        pushed.tell(request)
        assert Unreached.objects.get(request_id=uuid_of(request)).over_at is None
        assert kinds_of(pushed.world.workspace.id).count("notification.unreached") == 1
        service.answer(201)
        later = pushed.ask()
        assert browser.shown(service.arrived[-1].body)["tag"] == later["id"]

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_what_may_pass_is_tried_again(self, pushed: Pushed, status: int) -> None:
        pushed.service.answer(status)
        request = pushed.ask()
        one = pushed.one(request)
        assert (one.state, one.reason, one.tries) == ("pending", f"http {status}", 1)
        assert one.failing_since is not None
        assert pushed.left() == 1
        pushed.send()  # not before its time
        assert len(pushed.service.arrived) == 1
        pushed.service.answer(201)
        pushed.wait(seconds=30)
        pushed.send()
        one = pushed.one(request)
        assert (one.state, one.tries, one.reason) == ("sent", 2, "")
        bodies = [arrived.body for arrived in pushed.service.arrived]
        assert len(bodies) == len(set(bodies)) == 2

    def test_a_failing_push_service_is_taken_over_by_mail(
        self, pushed: Pushed, settings: Settings
    ) -> None:
        pushed.service.answer(503)
        request = pushed.ask()
        settings.SMTP = Server("127.0.0.1", 25, "none")
        pushed.wait(seconds=31)
        pushed.tell(request)
        assert pushed.one(request, "email").state == "pending"
        assert pushed.one(request).state == "pending"

    @pytest.mark.parametrize(
        ("asked", "seconds"),
        [("90", 90), ("0", 0), ("-5", 0), ("soon", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
         ("9" * 30, 0), ("100000", 3_600)],
    )  # fmt: skip
    def test_it_is_left_alone_as_long_as_it_asks_within_reason(
        self, pushed: Pushed, asked: str, seconds: int
    ) -> None:
        pushed.service.answer(429, Retry_After=asked)
        one = pushed.one(pushed.ask())
        assert one.failing_since is not None
        pause: timedelta = one.due_at - one.failing_since
        assert pause.total_seconds() == pytest.approx(max(seconds, 2), abs=1)

    @pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 413])
    def test_what_it_refuses_for_good_is_given_up(self, pushed: Pushed, status: int) -> None:
        pushed.service.answer(status, Location=f"{pushed.service.url}/elsewhere")
        request = pushed.ask()
        one = pushed.one(request)
        assert (one.state, one.reason) == ("failed", f"http {status}")
        assert len(pushed.service.arrived) == 1  # a redirect is an answer
        assert pushed.left() == 1

    def test_a_peer_that_nobody_vouches_for_reads_nothing(
        self, pushed: Pushed, tmp_path: Path
    ) -> None:
        folder = tmp_path / "stranger"
        folder.mkdir()
        with receiving(tls=serving_as(Authority("Another").issue("127.0.0.1"), folder)) as other:
            pushed.service = other
            PushSubscription.objects.filter(user=pushed.ana.user).delete()
            pushed.subscribe("/send/0")
            request = pushed.ask()
            assert other.arrived == []
        assert (pushed.one(request).state, pushed.one(request).reason) == ("pending", "tls")

    def test_an_address_inside_is_never_called(
        self, pushed: Pushed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The row is older than the operator's list, or its name leads elsewhere by now."""
        monkeypatch.delenv("ASSENTRY_EGRESS_ALLOW")
        allowed_networks.cache_clear()
        request = pushed.ask()
        assert pushed.service.arrived == []
        assert (pushed.one(request).state, pushed.one(request).reason) == ("pending", "blocked")

    def test_without_a_browser_there_is_nothing_to_try(self, pushed: Pushed) -> None:
        request = pushed.world.submit(**BODY)
        pushed.tell(request)
        PushSubscription.objects.filter(user=pushed.ana.user).delete()
        pushed.send()
        one = pushed.one(request)
        assert (one.state, one.reason) == ("failed", "no browser is subscribed")


def test_quiet_hours_hold_for_browsers_too(pushed: Pushed) -> None:
    """By the clock of the database it is always between an hour ago and an hour ahead."""
    clock = datetime.now(UTC)
    wanted = Preferences(
        quiet_from=(clock - timedelta(hours=1)).strftime("%H:%M"),
        quiet_until=(clock + timedelta(hours=1)).strftime("%H:%M"),
    )
    preferences.set_(actor=TEST, person=pushed.ana, wanted=wanted)
    request = pushed.ask(expires_in="3d")
    assert pushed.service.arrived == []
    assert pushed.one(request).state == "pending"
    pushed.wait(hours=1)
    pushed.send()
    assert len(pushed.service.arrived) == 1
    assert pushed.one(request).state == "sent"


def test_the_key_of_the_server_is_made_once_and_lies_sealed() -> None:
    assert subscriptions.public_key() == subscriptions.public_key()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT private FROM notifications_pushkey")
        [(private,)] = cursor.fetchall()
    with pytest.raises(ValueError, match="deserialize"):
        load_der_private_key(bytes(private), None)
