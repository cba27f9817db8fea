"""A workspace with an endpoint, a receiver, and what sends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvals import telling
from callbacks.sending import Deliverer
from core import addresses
from tests.approvals.world import World
from tests.callbacks.receiver import Receiver, receiving


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
def deliverer() -> Iterator[Deliverer]:
    one = Deliverer(telling.bodies)
    yield one
    one.close(5)


@pytest.fixture
def world() -> World:
    rule = {
        "name": "Ask",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"]}]},
    }
    return World({"lead": ["ana", "ben"]}, [rule], sensitive=["/card"])
