"""One small tenant for each test of the API."""

from __future__ import annotations

import pytest

from tests.api.tenant import Tenant
from tests.server import Live


@pytest.fixture
def tenant(server: Live) -> Tenant:
    """A workspace with an owner, two reviewers, an agent with a key and a policy."""
    return Tenant(server)
