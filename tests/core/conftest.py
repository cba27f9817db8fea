"""Fixtures of outbound HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from core.addresses import VARIABLE, allowed_networks
from core.http import Client
from tests.core.receivers import Resolver, allow


@pytest.fixture
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No network is allowed, whatever the environment says; afterwards it is asked again."""
    monkeypatch.delenv(VARIABLE, raising=False)
    allowed_networks.cache_clear()
    yield
    allowed_networks.cache_clear()


@pytest.fixture
def loopback_allowed(nothing_allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, "127.0.0.0/8")


@pytest.fixture
def client() -> Iterator[Client]:
    with closing(Client()) as made:
        yield made


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()
    monkeypatch.setattr("socket.getaddrinfo", made.getaddrinfo)
    return made
