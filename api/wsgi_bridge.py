"""Django's WSGI application behind an ASGI server: one call in a thread, one whole answer back.

Existing adapters stream, which costs three waits between thread and loop per answer; our pages and
documents are small, so one is enough.  Event streams are served natively by the front, and so is what
does not fit into memory (`core.downloads`): the bridge hands it on unread.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from core.downloads import Download

Environ: TypeAlias = dict[str, Any]
Wsgi: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Whole:
    """A whole answer, as it goes on the wire."""

    status: int
    headers: RawHeaders
    body: bytes
    #: What follows instead of the body, piece by piece.
    pieces: Iterator[bytes] | None = None


def environ_of(scope: Any, body: bytes, request_id: str) -> Environ:
    """The WSGI environ (PEP 3333) of an ASGI scope.

    Header names with an underscore are dropped: they would pass for the name with a dash, which a
    proxy in front may have removed.
    """
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "REMOTE_ADDR": client[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        value = raw_value.decode("latin-1")
        if raw_name == b"content-type":
            environ["CONTENT_TYPE"] = value
            continue
        if raw_name in (b"content-length", b"transfer-encoding"):
            continue  # the body is whole, and its length is known
        name = "HTTP_" + raw_name.decode("latin-1").upper().replace("-", "_")
        if name in environ:
            value = environ[name] + ("; " if name == "HTTP_COOKIE" else ",") + value
        environ[name] = value
    environ["HTTP_X_REQUEST_ID"] = request_id
    return environ


def run(application: Wsgi, environ: Environ) -> Whole:
    """Call a WSGI application and gather its whole answer.  Blocks."""
    started: list[Any] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        started[:] = [status, headers]
        return written.append

    written: list[bytes] = []
    chunks = application(environ, start_response)
    pieces = iter(chunks.pieces) if isinstance(chunks, Download) else None
    try:
        body = b"" if pieces is not None else b"".join([*chunks])
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    if written:
        body = b"".join(written) + body
    status, headers = started
    raw = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in headers
        if name.lower() != "x-request-id"  # the server in front says it for all
    ]
    return Whole(int(status[:3]), raw, body, pieces)
