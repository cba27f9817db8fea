"""A receiver on loopback, what sends to it, and somebody whose data shall go."""

from __future__ import annotations

import pytest

from tests.callbacks.conftest import _loopback_is_allowed, deliverer, receiver
from tests.callbacks.receiver import Receiver
from tests.oversight import canary
from tests.oversight.subjects import Case
from tests.server import Live

__all__ = ["_loopback_is_allowed", "deliverer", "receiver"]


@pytest.fixture(autouse=True)
def _a_search_looks_at_what_is_new() -> None:
    canary.begin()


@pytest.fixture
def case(server: Live, receiver: Receiver) -> Case:
    return Case(server, receiver)
