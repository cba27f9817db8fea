"""Forwarding outcomes to a local address: at least once each, also over restarts of either side.

The state is a small file: how far the list of requests was read, and which of them are still to be
forwarded.  It is written after each delivery, so a restart repeats at most the one in flight.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2

from assentry import Client, Handle, SettingsError, StillPending, Stopped, Unreachable
from assentry.objects import Request

#: So long it waits for news before it looks for requests that are new.
LOOK_S: Final = 5.0
MOST_AT_ONCE: Final = 100
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
_TIMEOUT_S: Final = 15.0


class Target:
    """Where outcomes go.

    Raises:
        SettingsError: no http address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                f"--forward takes an address such as http://127.0.0.1:9000/: {url!r}"
            )
        self.url = url
        self._http = httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def deliver(self, request: Request) -> str | None:
        """POST one outcome; None where it was taken (2xx), else why not."""
        body = {"type": f"request.{request.status}", "data": request.raw}
        headers = {"webhook-id": f"{request.id}.{request.sequence}"}
        try:
            answer = self._http.post(self.url, json=body, headers=headers)
        except httpx2.HTTPError as error:
            return str(error) or type(error).__name__
        return None if answer.is_success else f"it answered {answer.status_code}"


class Forwarder:
    """The agent's requests, as far as they were forwarded."""

    def __init__(
        self, client: Client, target: Target, path: Path, say: Callable[[str], None]
    ) -> None:
        self._client, self._target, self._path, self._say = client, target, path, say
        self._pause = FIRST_PAUSE_S
        known = self._read()
        self._newest: str | None = known.get("newest")
        self._open: dict[str, None] = dict.fromkeys(known.get("open", ()))
        self._handles: dict[str, Handle] = {}
        self._first = not known

    def work(self, *, once: bool) -> None:
        """Forward until interrupted; with `once` what has ended by now.

        Raises:
            Unreachable: with `once`, where something was not taken; it is kept for the next time.
        """
        while True:
            self._look()
            ended = self._ended(wait=not once)
            refused = [handle for handle in ended if not self._forward(handle.request)]
            if once:
                if refused:
                    raise Unreachable(
                        f"{len(refused)} could not be delivered to {self._target.url}: start it, and "
                        "forward again."
                    )
                return
            if refused:
                time.sleep(self._pause)
                self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
            elif ended:
                self._pause = FIRST_PAUSE_S

    def _look(self) -> None:
        """Take up what is new: at the very first start only what is still pending."""
        seen, found = list[str](), list[str]()
        for handle in self._client.list():
            if handle.id == self._newest:
                break
            seen.append(handle.id)
            if not self._first or handle.request.pending:
                found.append(handle.id)
        if self._first or seen:
            self._newest, self._first = seen[0] if seen else self._newest, False
            self._open |= dict.fromkeys(reversed(found))
            self._write()

    def _ended(self, *, wait: bool) -> list[Handle]:
        """Those that have ended, of all that are open, a hundred at a time; waits for some news."""
        for request_id in self._open:
            known = self._handles.get(request_id)
            if known is None:
                self._handles[request_id] = self._client.get(request_id)
            elif known.request.given_back:
                known.refresh()  # what waits for the agent is news to no wait
        waiting = [
            handle
            for handle in self._handles.values()
            if handle.request.pending and not handle.request.given_back
        ]
        some = [waiting[at : at + MOST_AT_ONCE] for at in range(0, len(waiting), MOST_AT_ONCE)]
        over = [handle for handle in self._handles.values() if not handle.request.pending]
        pause = 0.0 if over or not wait else LOOK_S / max(1, len(some))
        for handles in some:
            self._wait(handles, pause)
        if not some and pause:
            time.sleep(pause)
        return [handle for handle in self._handles.values() if not handle.request.pending]

    def _wait(self, handles: list[Handle], seconds: float) -> None:
        """Until one of them has news; also for an agent that must stop, whose outcomes are told all the same."""
        try:
            self._client.wait_any(handles, seconds)
        except StillPending:
            pass
        except Stopped:
            if all(handle.request.pending for handle in handles):
                time.sleep(seconds)  # the agent may be let go on

    def _forward(self, request: Request) -> bool:
        why = self._target.deliver(request)
        if why is not None:
            self._say(f"{request.id} {request.status}: not delivered, {why}")
            return False
        self._say(f"{request.id} {request.status}: delivered")
        del self._open[request.id], self._handles[request.id]
        self._write()
        return True

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SettingsError(f"The state {self._path} cannot be read: {error}") from error
        return found

    def _write(self) -> None:
        """Replace the file whole, and have it on the disk before anything else happens."""
        text = json.dumps({"newest": self._newest, "open": list(self._open)})
        beside = self._path.with_name(self._path.name + ".new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise SettingsError(f"The state {self._path} cannot be written: {error}") from error
