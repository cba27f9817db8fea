"""A server whose clock is well at the beginning of each test, whatever earlier ones left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.approvals.world import World
from tests.callbacks.conftest import receiver
from tests.oversight.watching.watched import forget, make_well

__all__ = ["receiver"]


@pytest.fixture(autouse=True)
def _well() -> Iterator[None]:
    make_well()
    yield
    forget()


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana", "ben"]})
