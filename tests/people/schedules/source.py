"""A server of calendars on loopback, with TLS: it answers as it is told, and keeps what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.core.certificates import Authority, serving_as


class Source:
    """``status``, ``headers`` and ``body`` are what the next call gets; `asked` has the headers of all."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        #: How many bytes the body is said to have and sent, over and over, where it is endless.
        self.endless = 0
        self.sent = 0
        self.asked: list[dict[str, str]] = []


@contextmanager
def serving(folder: Path) -> Iterator[Source]:
    """A server, for the time of a block; ``folder`` gets ``ca.pem``, which is to be trusted."""
    source, authority = Source(), Authority("Calendars")
    (folder / "ca.pem").write_bytes(authority.pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(source))
    server.daemon_threads = True
    context = serving_as(authority.issue("127.0.0.1"), folder)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    source.url = f"https://127.0.0.1:{server.server_port}/duty.ics?key=secret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source.asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(source.status)
            for name, value in source.headers.items():
                self.send_header(name, value)
            length = source.endless or len(source.body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            with suppress(OSError):  # it hangs up once it has heard enough
                while source.sent < source.endless:
                    self.wfile.write(b"X" * 65_536)
                    source.sent += 65_536
                self.wfile.write(source.body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
