"""A live server: the product's own front under uvicorn, in a thread of the test process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import uvicorn
from django.conf import settings

from api import protocol
from api.front import Front


class Served(Protocol):
    """The product at an address, in this process or in another one (`tests.processes.Web`)."""

    url: str
    api: str

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One call to the API, over a connection of its own."""


class Live:
    """A running server: where it is, and the front inside."""

    def __init__(self, url: str, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.api = f"{url}/api/v1"
        self.front = front
        self._loop = loop

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for tests that speak bytes."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One call to the API, over a connection of its own."""
        timeout = options.pop("timeout", 70)
        return requests.request(method, self.api + path, timeout=timeout, **options)

    def parked(self) -> int:
        """How many calls wait and streams are open."""

        async def look() -> int:
            return self.front.hub.parked

        return asyncio.run_coroutine_threadsafe(look(), self._loop).result(5)

    def until_parked(self, count: int, timeout: float = 5) -> None:
        """Wait until so many wait."""
        until = time.monotonic() + timeout
        while self.parked() != count:
            assert time.monotonic() < until, f"{self.parked()} are parked, not {count}"
            time.sleep(0.01)


@contextlib.contextmanager
def serving() -> Iterator[Live]:
    """Serve while the context lasts."""
    from config.asgi import application  # Django must be set up, and pointed at the test's database

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    config = uvicorn.Config(
        application,
        http=protocol.Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    started: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        started.append(asyncio.get_running_loop())
        await server.serve([listener])

    before = settings.BASE_URL
    settings.BASE_URL = url
    settings.CSRF_TRUSTED_ORIGINS.append(url)
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended at its start"
            time.sleep(0.005)
        yield Live(url, application, started[0])
    finally:
        with contextlib.suppress(RuntimeError):
            started[0].call_soon_threadsafe(application.drain)
        server.should_exit = True
        thread.join(10)
        settings.BASE_URL = before
