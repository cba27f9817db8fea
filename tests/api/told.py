"""An open stream of server-sent events, read as a client reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import requests

from tests.api.tenant import Person, Tenant

#: How long a test waits for one event.  Heartbeats do not count: they would keep a test for ever.
LIMIT_S = 15.0


class Told:
    """An open stream, event by event."""

    open: ClassVar[list[Told]] = []

    def __init__(self, answer: requests.Response) -> None:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        self.answer = answer
        self.open.append(self)
        self._lines = self._read()

    def _read(self) -> Iterator[bytes]:
        """Lines as they arrive, however long they are."""
        rest = b""
        for chunk in self.answer.iter_content(None):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines

    def next(self) -> dict[str, str]:
        """The members of the next event; empty at the end of the stream."""
        event: dict[str, str] = {}
        until = time.monotonic() + LIMIT_S
        for line in self._lines:
            assert time.monotonic() < until, "no event came"
            if line == b"" and "event" in event:
                return event
            name, _, value = line.decode().partition(": ")
            if name and name != "retry":
                event[name] = value
        return {}

    def comment(self) -> str:
        """The next line, which must be a comment, without its colon."""
        line = next(line for line in self._lines if line)
        assert line.startswith(b":"), line
        return line[1:].strip().decode()

    def state(self) -> tuple[str, int, dict[str, Any]]:
        """The next event as its name, its id, and the request in it."""
        event = self.next()
        assert "id" in event, event
        return event["event"], int(event["id"]), json.loads(event["data"])

    def end(self) -> str:
        """The reason of the end, which must be what comes next, and the last."""
        event = self.next()
        assert event.get("event") == "end", event
        assert self.next() == {}
        return str(json.loads(event["data"])["reason"])


def follow(who: Tenant | Person, request: dict[str, Any], **headers: str) -> Told:
    path = f"/requests/{request['id']}/events"
    return Told(who.call("GET", path, stream=True, headers=headers, timeout=LIMIT_S))
