"""The HTTP server: the API, and beside it a page for people; it answers only to names of this machine."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from demo.slack.api import Api
from demo.slack.arguments import MOST_BYTES, Arguments, read
from demo.slack.errors import SlackError

NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PORT: Final = re.compile(r":\d+$")
_ACCESS: Final = "Bearer "


@dataclass(frozen=True)
class Page:
    """What a page answers: text of a kind, or another address to go to."""

    status: int
    kind: str
    text: str
    to: str | None = None
    policy: str = "default-src 'none'"


#: Method, path, query and body of a request to the page.
Pages = Callable[[str, str, str, str], Page]


class Server(ThreadingHTTPServer):
    """Serves an `Api`, and `pages` under all other paths."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api, pages: Pages) -> None:
        self.api, self.pages = api, pages
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a caller went away; anything else is shown."""
        if not isinstance(_raised(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 60

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._body()
        parts = urlsplit(self.path)
        if body is None:
            self._send(413, "text/plain", b"", {"Connection": "close"})
        elif _PORT.sub("", self.headers.get("Host", "")) not in NAMES:
            # A page elsewhere whose name was made to point here must not read this one.
            self._send(403, "text/plain", b"Call this server by the name of this machine.")
        elif parts.path.startswith("/api/"):
            self._call(parts.path.removeprefix("/api/"), body, parts.query)
        else:
            self._page(parts.path, parts.query, body)

    def _call(self, method: str, body: bytes, query: str) -> None:
        arguments: Arguments | SlackError
        try:
            arguments = read(self.headers.get("Content-Type", ""), body, query)
        except SlackError as error:
            arguments = error
        token = self.headers.get("Authorization", "")
        token = token.removeprefix(_ACCESS) if token.startswith(_ACCESS) else ""
        if not token and isinstance(arguments, Arguments):
            token = str(arguments.get("token", ""))
        if isinstance(arguments, Arguments):
            arguments.pop("token", None)
        reply = self.server.api.answer(method, token, arguments)
        if reply.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif reply.body is None:
            self._send(reply.status, "text/html", b"<html><body>Server Error</body></html>")
        else:
            wait = {"Retry-After": str(reply.retry_after)} if reply.retry_after is not None else {}
            told = json.dumps(reply.body).encode()
            self._send(reply.status, "application/json; charset=utf-8", told, wait)

    def _page(self, path: str, query: str, body: bytes) -> None:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if self.command == "POST" and origin != f"http://{host}":
            self._send(403, "text/plain", b"Only this server's own page may press.")
            return
        text = body.decode("utf-8", "replace")
        page = self.server.pages(self.command, path, query, text)
        more = {
            "Content-Security-Policy": page.policy,
            "X-Content-Type-Options": "nosniff",
            # Not no-referrer, under which a browser hides where a form came from.
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        self._send(
            page.status,
            page.kind,
            page.text.encode(),
            more | ({"Location": page.to} if page.to else {}),
        )

    def _body(self) -> bytes | None:
        """The request's body; None where it is too large."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _send(
        self, status: int, kind: str, body: bytes, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            *(more or {}).items(),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: every call is kept."""


def _raised() -> BaseException | None:
    return sys.exception()
