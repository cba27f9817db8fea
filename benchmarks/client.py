"""A load client that stays out of the way: HTTP/1.1 over kept connections, one call at a time on each.

It understands what this server sends (a status line, headers, a body of announced length) and nothing
more, so that the load takes as little as possible of the cores that it shares with the product.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

import uvloop

T = TypeVar("T")
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class CallFailed(RuntimeError):
    """An answer of status 400 or above, or none at all."""


@dataclass(slots=True)
class Answer:
    """Status, head (status line and headers as they came) and body of one answer."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)

    def cookies(self) -> dict[str, str]:
        """The cookies that the answer sets."""
        pairs = (
            line[len("set-cookie:") :].split(";")[0].strip().partition("=")
            for line in self.head.decode("latin-1").split("\r\n")
            if line.lower().startswith("set-cookie:")
        )
        return {name: value for name, _, value in pairs}


class Connection(asyncio.Protocol):
    """One kept connection; connects again when the server closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._host_line = f"host: {host}:{port}\r\n".encode()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._buffer = b""

    # -- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._buffer += data
        head, found, rest = self._buffer.partition(_END_OF_HEAD)
        if not found:
            return
        length = _length_of(head)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._settle(Answer(int(head[9:12]), head, rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed, or the network did."""
        self._transport = None
        self._buffer = b""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(CallFailed(f"the connection was closed: {exc}"))

    def _settle(self, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    # -- calls -------------------------------------------------------------------------------------
    async def send(self, method: str, path: str, headers: bytes = b"", body: bytes = b"") -> Answer:
        """Make one call, whatever its answer; `headers` are whole lines, each with its line end.

        Raises:
            CallFailed: the connection ended before the answer.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None:
            await loop.create_connection(lambda: self, *self._address)
        self._waiting = loop.create_future()
        assert self._transport is not None  # noqa: S101  # create_connection made it
        about = b"content-type: application/json\r\n" if body else b""
        self._transport.write(
            b"%b %b HTTP/1.1\r\n%b%b%bcontent-length: %d\r\n\r\n%b"
            % (method.encode(), path.encode(), self._host_line, headers, about, len(body), body)
        )
        return await self._waiting

    async def call(self, method: str, path: str, headers: bytes = b"", body: bytes = b"") -> Answer:
        """Make one call that must succeed.

        Raises:
            CallFailed: it did not.
        """
        answer = await self.send(method, path, headers, body)
        if answer.status >= 400:
            raise CallFailed(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


def _length_of(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(_LENGTH)
    if at < 0:
        return 0
    end = lower.find(b"\r\n", at + 2)
    return int(lower[at + len(_LENGTH) : end if end > 0 else None])


def lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they go on the wire."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest loop there is, with as many connections as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 40_000) if hard != resource.RLIM_INFINITY else 40_000
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


class Clock:
    """Wall and processor time of this process between two looks: what the load itself costs."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._wall
        #: Share of one core.
        self.cpu = (time.process_time() - self._cpu) / self.wall_s


async def for_seconds(
    seconds: float, clients: int, job: Callable[[int, int], Awaitable[object]]
) -> list[float]:
    """Let `clients` repeat `job(client, number)` side by side; the seconds that each took."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def client(who: int) -> None:
        number = 0
        while (begun := time.perf_counter()) < until:
            await job(who, number)
            took.append(time.perf_counter() - begun)
            number += 1

    await asyncio.gather(*(client(who) for who in range(clients)))
    return took
