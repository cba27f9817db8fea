"""One small tenant for each test, on the live server of this worker process."""

from __future__ import annotations

import pytest

from tests.api.tenant import Tenant
from tests.server import Live


@pytest.fixture
def tenant(server: Live) -> Tenant:
    """A workspace with an owner, two reviewers, an agent with a key and a policy."""
    return Tenant(server)
