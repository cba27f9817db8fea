"""A case for each test, on the live server, and a receiver that may be called."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core import addresses
from tests.callbacks.receiver import Receiver, receiving
from tests.oversight.evidence.case import Case
from tests.server import Live


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
def case(server: Live) -> Case:
    return Case(server)
