"""Something to press against: it keeps what Slack sends, and checks each signature with slack_sdk."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from slack_sdk.signature import SignatureVerifier


@dataclass(frozen=True)
class Came:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    signed: bool

    @property
    def payload(self) -> dict[str, Any]:
        """What it says."""
        if self.headers["Content-Type"] == "application/json":
            return dict(json.loads(self.body))
        form = dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        return dict(json.loads(form["payload"])) if "payload" in form else dict(form)


class Product(ThreadingHTTPServer):
    """Answers with `says(came)`: a status and a text."""

    daemon_threads = True

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.verifier = SignatureVerifier(secret)
        self.came: list[Came] = []
        self.says: Callable[[Came], tuple[int, str]] = lambda came: (200, "")
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Product

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = dict(self.headers.items())
        came = Came(self.path, headers, body, self.server.verifier.is_valid_request(body, headers))
        self.server.came.append(came)
        status, text = self.server.says(came)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
