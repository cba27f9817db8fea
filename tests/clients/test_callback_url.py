"""A request's own address: its callbacks arrive there, and nowhere where nobody registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from assentry import ApiError
from assentry.callbacks import verify_callback

from approvals import telling
from callbacks.models import Callback
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core import addresses, due
from tests.callbacks.receiver import Receiver, receiving, until
from tests.clients.conftest import Both
from tests.clients.office import Office
from tests.clients.test_cli import call

REFUND = {"order": "A-1", "amount": 120}
REFUSED = "No active endpoint of this agent has this scheme, host and port: register one first."


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Somebody who listens on loopback, where the operator lets callbacks go."""
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    with receiving() as found:
        yield found
    monkeypatch.undo()
    addresses.allowed_networks.cache_clear()


@pytest.fixture
def secret(office: Office, receiver: Receiver) -> str:
    """Of the agent's endpoint at the receiver, registered by its owner."""
    owner = office.person(office.owner)
    agent = office.call("GET", "/me").json()["id"]
    answer = owner.call("POST", "/endpoints", json={"agent": agent, "url": receiver.url})
    assert answer.status_code == 201, answer.text
    owner.http.close()
    return str(answer.json()["secret"])


def deliver(office: Office, count: int) -> None:
    """Send what is to be sent, as the worker does, until so many have arrived."""
    deliverer = Deliverer(telling.bodies)
    sent = Callback.objects.filter(workspace=office.workspace, state="delivered")
    try:
        due.run(DELIVER, deliverer.take)
        until(lambda: sent.count() >= count)
    finally:
        deliverer.close(5)


def test_callbacks_arrive_at_the_address_of_the_request(
    both: Both, office: Office, receiver: Receiver, secret: str
) -> None:
    client, own = both.client(), receiver.url.replace("/hook", "/jobs/{}")
    asked = client.request("payments.refund", REFUND, callback_url=own.format(7))
    question = client.ask("lead", "Which?", options=["a", "b"], callback_url=own.format(8))
    without = client.request("payments.refund", REFUND)
    for each in (asked, without):
        office.decide(each.id)
    office.decide(question.id, "answer", answer="b")
    deliver(office, 3)
    told = {}
    for arrived in receiver.until(3):
        callback = verify_callback(arrived.headers, arrived.body, secret)
        assert callback.request is not None
        told[arrived.path] = (callback.type, callback.request.id)
    assert told == {
        "/jobs/7": ("request.approved", asked.id),
        "/jobs/8": ("request.answered", question.id),
        "/hook": ("request.approved", without.id),
    }
    assert len(receiver.arrived) == 3


def test_an_address_that_nobody_registered_is_a_fault_of_that_member(
    both: Both, office: Office, receiver: Receiver, secret: str
) -> None:
    client = both.client()
    elsewhere = "http://127.0.0.1:9/hook"  # another port
    for ask in (
        lambda: client.request("payments.refund", REFUND, callback_url=elsewhere),
        lambda: client.ask("lead", "Which?", callback_url=elsewhere),
    ):
        with pytest.raises(ApiError) as refused:
            ask()
        (fault,) = refused.value.errors
        assert refused.value.status == 422
        assert (fault["pointer"], fault["code"]) == ("/callback_url", "unknown_origin")
        assert f"/callback_url: {REFUSED}" in str(refused.value)
    assert office.stored() == []


def test_the_command_takes_it_too(office: Office, receiver: Receiver, secret: str) -> None:
    words: list[Any] = ["submit", "payments.refund", "--payload", '{"order": "A-1", "amount": 5}']
    code, out, error = call(office, *words, "--callback-url", "https://elsewhere.example/hook")
    assert (code, out) == (119, "")
    assert f"/callback_url: {REFUSED}" in error
    own = receiver.url.replace("/hook", "/jobs/9")
    assert call(office, *words, "--callback-url", own)[0] == 0
    deliver(office, 1)
    assert [arrived.path for arrived in receiver.until(1)] == ["/jobs/9"]
