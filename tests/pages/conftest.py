"""One office for each test of the pages."""

from __future__ import annotations

import pytest

from tests.pages.office import Office
from tests.server import Live


@pytest.fixture
def office(server: Live) -> Office:
    """A workspace with people and an agent, on the live server."""
    return Office(server)
