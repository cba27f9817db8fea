"""One small tenant for each test, on the live server of this worker process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.addresses import allowed_networks
from tests.api.desk import Desk
from tests.api.tenant import Tenant
from tests.api.told import Told
from tests.callbacks.receiver import receiving
from tests.core.receivers import allow
from tests.server import Live


@pytest.fixture
def tenant(server: Live) -> Tenant:
    """A workspace with an owner, two reviewers, an agent with a key and a policy."""
    return Tenant(server)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Hang up whatever stream a test left open."""
    yield
    while Told.open:
        Told.open.pop().answer.close()


@pytest.fixture
def desk(server: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A tenant whose callbacks may go to loopback, where a receiver listens."""
    allow(monkeypatch, "127.0.0.0/8")
    with receiving() as receiver:
        made = Desk(server, receiver)
        yield made
        made.close()
    allowed_networks.cache_clear()
