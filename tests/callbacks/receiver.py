"""A receiver of callbacks on loopback: it answers as it is told, and keeps what it was sent."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Arrived:
    """One delivery, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """What was sent, and what is answered: ``answers`` in turn, the last one for ever."""

    url: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(
        default_factory=lambda: [(204, {}, b"")]
    )
    arrived: list[Arrived] = field(default_factory=list)
    hang: threading.Event | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)
    #: Begins to listen, where it was down.
    rise: Callable[[], None] = lambda: None

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer so from now on."""
        self.answers = [(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)]

    def until(self, count: int, timeout: float = 10) -> list[Arrived]:
        """Wait until so many have arrived."""
        with self.changed:
            done = self.changed.wait_for(lambda: len(self.arrived) >= count, timeout)
            assert done, f"{len(self.arrived)} arrived, not {count}"
            return list(self.arrived)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(size)
            if len(body) < size:
                self.close_connection = True  # the sender died: half a message is none
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            with receiver.changed:
                receiver.arrived.append(Arrived(self.path, headers, body, time.monotonic()))
                answers = receiver.answers
                status, more, said = answers.pop(0) if len(answers) > 1 else answers[0]
                receiver.changed.notify_all()
            if receiver.hang is not None:
                receiver.hang.wait(20)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST  # noqa: N815 - as http.server calls it

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def receiving(*, down: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver, for the time of a block; one that is down has its address, and listens from `rise`."""
    receiver = Receiver("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver), bind_and_activate=False)
    server.daemon_threads = True
    server.server_bind()
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})

    def rise() -> None:
        server.server_activate()
        if tls is not None:
            # A handshake belongs to the thread of its connection: it must not hold up the next one.
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread.start()

    receiver.rise = rise
    if not down:
        rise()
    try:
        yield receiver
    finally:
        if receiver.hang is not None:
            receiver.hang.set()
        if thread.ident is not None:
            server.shutdown()
            thread.join()
        server.server_close()


def until(look: Callable[[], bool], timeout: float = 10) -> None:
    """Wait until something that another thread writes is there."""
    end = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
