"""A receiver of callbacks, as a process of its own: it keeps what arrives, and when.

Run as a program it prints its port and serves until its input ends.  A path under ``/hang`` is never
answered, every other POST is 204.  ``GET /count`` says how many arrived; ``GET /take`` hands out what
did, and forgets it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Self, cast

from benchmarks.client import run
from benchmarks.product import HOST, ROOT, NotReady

HANG = "/hang"
#: How often it is asked whether everything is there.
LOOK_S = 0.05
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Arrived:
    """One delivery: when its last byte came (this machine's clock), and what it was."""

    at: float
    path: str
    headers: dict[str, str]
    body: str

    @property
    def said(self) -> dict[str, Any]:
        """The message: ``type``, ``timestamp``, ``data``."""
        message: dict[str, Any] = json.loads(self.body)
        return message


class Receiver:
    """The process, as a context manager."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.receiver"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def url(self, path: str) -> str:
        """The address of one of its paths."""
        return f"http://{HOST}:{self.port}{path}"

    def take(self) -> list[Arrived]:
        """What arrived since the last look, in its order."""
        return [Arrived(*one) for one in self._ask("/take")]

    def until(self, wanted: Callable[[int], bool], within_s: float) -> None:
        """Wait for so many that nobody has taken yet.

        Raises:
            NotReady: they did not come.
        """
        end = time.monotonic() + within_s
        while not wanted(count := self._ask("/count")):
            if time.monotonic() > end:
                raise NotReady(f"only {count} callbacks arrived within {within_s:.0f} s")
            time.sleep(LOOK_S)

    def _ask(self, path: str) -> Any:
        connection = HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class _Serving(asyncio.Protocol):
    """One connection to the receiver."""

    def __init__(self, log: list[tuple[float, bytes, bytes]]) -> None:
        self._log = log
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            length = int(_headers(head).get("content-length", "0")) if found else 0
            if not found or len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # data came over it
        if head.startswith(b"GET /count "):
            self._transport.write(_answered(len(self._log)))
        elif head.startswith(b"GET /take "):
            taken = [
                (at, one.split(b" ", 2)[1].decode(), _headers(one), content.decode())
                for at, one, content in self._log
            ]
            self._log.clear()
            self._transport.write(_answered(taken))
        else:
            self._log.append((time.time(), head, body))
            if not head.startswith(f"POST {HANG}".encode()):
                self._transport.write(_NO_CONTENT)


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


def _answered(value: Any) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    log: list[tuple[float, bytes, bytes]] = []
    server = await loop.create_server(lambda: _Serving(log), HOST, 0, backlog=1_024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it ends


if __name__ == "__main__":
    run(_serve())
