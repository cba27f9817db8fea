"""One small tenant for each test, on the live server of this worker process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.tenant import Tenant
from tests.api.told import Told
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
