"""Bytes in and out of the raw front: headers, whole bodies, whole answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

from api.wsgi_bridge import RawHeaders
from core.problems import Problem, too_large
from core.strict_json import MAX_BYTES

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: A body must arrive within this time.
BODY_S: Final = 30.0
#: How much of a body that is too large is still read, so that its sender gets to read the answer.
DISCARD: Final = 8 * MAX_BYTES
DISCARD_S: Final = 5.0


class Left(Exception):
    """The caller hung up before it had said everything; nothing is run on half a body."""


def header_map(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; several of one name are joined by commas (RFC 9110, 5.2)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def encoded(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Headers as they go on the wire."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def read_body(headers: dict[str, str], receive: Receive) -> bytes:
    """The whole body of a call.

    Raises:
        Left: the caller hung up in the middle.
        Problem: 413 above 1 MiB, 408 when the rest does not come.
    """
    if int(headers.get("content-length", "0")) > MAX_BYTES:
        if "expect" not in headers:  # one who asks first has sent nothing yet
            await _discard(receive)
        raise closing(too_large(MAX_BYTES))
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Left
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _limited(body)
    try:
        async with asyncio.timeout(BODY_S):
            return await _rest(body, receive)
    except TimeoutError:
        problem = Problem(
            408, "body_too_slow", "Request Timeout", "The body did not arrive in time."
        )
        raise closing(problem) from None


async def _rest(first: bytes, receive: Receive) -> bytes:
    chunks, size, more = [first], len(first), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            if more:
                await _discard(receive)
            raise closing(too_large(MAX_BYTES))
    return b"".join(chunks)


def _limited(body: bytes) -> bytes:
    if len(body) > MAX_BYTES:
        raise closing(too_large(MAX_BYTES))
    return body


async def _discard(receive: Receive) -> None:
    """Read on for a while without keeping anything."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            while more and size < DISCARD:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Left
                size += len(message.get("body", b""))
                more = message.get("more_body", False)


def closing(problem: Problem) -> Problem:
    """The same problem; the connection ends with it, since the rest of the body may still come."""
    problem.headers["Connection"] = "close"
    return problem


async def send_whole(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    """Send one whole answer, with the length that its body has."""
    if status in (204, 304):
        sent = [(name, value) for name, value in headers if name != b"content-length"]
    else:
        sent = [(name, value) for name, value in headers if name != b"content-length"]
        sent.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if status in (204, 304) else body})
