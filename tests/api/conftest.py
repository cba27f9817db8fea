"""A live server for every test of this worker process, and one small tenant for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.tenant import Tenant
from tests.server import Live, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Live]:
    """The product under uvicorn, over real HTTP."""
    with serving() as live:
        yield live


@pytest.fixture
def tenant(server: Live) -> Tenant:
    """A workspace with an owner, two reviewers, an agent with a key and a policy."""
    return Tenant(server)
