"""One office for each test; and both kinds of client, driven alike."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.office import Office
from tests.clients.shop import Shop
from tests.server import Live


@pytest.fixture
def office(server: Live) -> Iterator[Office]:
    """A workspace with an agent and two people who decide."""
    found = Office(server)
    yield found
    found.close()


@pytest.fixture
def shop(server: Live) -> Iterator[Shop]:
    """An office with a tool."""
    found = Shop(server)
    yield found
    found.close()


class Both:
    """A client whose calls may be those of the async client: what it returns is awaited here."""

    def __init__(self, office: Office, kind: str) -> None:
        self.office, self.kind = office, kind
        self._loop = asyncio.new_event_loop() if kind == "async" else None
        self._open: list[Any] = []

    def client(self, url: str | None = None, **options: Any) -> Any:
        """A new client of this kind."""
        make = self.office.async_client if self._loop else self.office.client
        client = make(url, **options)
        self._open.append(client)
        return Plain(client, self)

    def settle(self, value: Any) -> Any:
        """What a call came to."""
        if inspect.isawaitable(value):
            assert self._loop is not None
            value = self._loop.run_until_complete(_await(value))
        elif inspect.isasyncgen(value):
            assert self._loop is not None
            value = self._loop.run_until_complete(_gather(value))
        if type(value).__module__.startswith("assentry.") and hasattr(value, "_client"):
            return Plain(value, self)
        return value

    def close(self) -> None:
        for client in self._open:
            self.settle(client.close())
        if self._loop:
            self._loop.close()


async def _await(value: Any) -> Any:
    return await value


async def _gather(values: Any) -> list[Any]:
    return [value async for value in values]


class Plain:
    """An object whose async methods are called like plain ones."""

    def __init__(self, of: Any, both: Both) -> None:
        self.of, self.both = of, both

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.of, name)
        if not callable(found) or name in {"gate", "run"}:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            plain = [[one.of for one in arg] if _plains(arg) else arg for arg in args]
            return self.both.settle(found(*plain, **kwargs))

        return call


def _plains(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Plain) for one in value)


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest, office: Office) -> Iterator[Both]:
    """Clients of both kinds, one after the other."""
    kinds = Both(office, request.param)
    yield kinds
    kinds.close()
