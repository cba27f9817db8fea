"""Processes that are killed, and a receiver on loopback that their callbacks may go to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.addresses import allowed_networks
from tests.callbacks.receiver import Receiver, receiving
from tests.core.receivers import allow
from tests.processes import Process, Web


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes to be killed at the end."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()
    for process in processes:
        if isinstance(process, Web):
            process.listener.close()


@pytest.fixture
def loopback_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Callbacks may go to loopback: from this process, and from those that it starts."""
    allow(monkeypatch, "127.0.0.0/8")
    yield
    allowed_networks.cache_clear()


@pytest.fixture
def receiver(loopback_allowed: None) -> Iterator[Receiver]:
    with receiving() as one:
        yield one
