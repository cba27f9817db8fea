"""Exporting the log to a file, for an auditor: what was loaded stays, and a call that breaks goes on there.

While it is loaded, the file is called ``FILE.part``; ``FILE.part.json`` says of which export.  The same
command again goes on with both.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

from assentry.driver import CONNECT_S, READ_S, Driver
from assentry.effects import Answer, Call
from assentry.errors import ApiError, AssentryError, Unreachable
from assentry.exchange import Retry, exchange, problem
from assentry.settings import Settings

_LOOK_S: Final = 0.5
_SAY_S: Final = 1.0
_PIECE: Final = 1 << 18
#: Answers after which the same bytes may be asked for again.
_AGAIN: Final = frozenset({429, 502, 503, 504})


class NotExported(AssentryError):
    """There is no file: the server could not write the export, or what came is not it."""


@dataclass
class Export:
    """One export on its way to a file.

    Attributes:
        asked: the body of the call: format and conditions.
        out: the file that it shall be in the end.
    """

    settings: Settings
    asked: Mapping[str, str]
    out: Path
    retry: Retry = field(default_factory=Retry)
    _said: float = 0.0

    def run(self) -> dict[str, Any]:
        """Load it; what the server says of it.

        Raises:
            NotExported, ApiError, Unreachable: with what was loaded left in place.
            OSError: the file cannot be written.
        """
        with closing(Driver(self.settings)) as driver:
            shown = self._ready(driver, self._begun(driver))
            self._load(shown)
            self._check(shown)
            if shown["format"] == "csv":
                call = Call("GET", f"/audit/exports/{shown['id']}/manifest", idempotent=True)
                note = driver.run(exchange(call, self.retry)).content
                self.out.with_name(f"{self.out.name}.manifest").write_bytes(note)
        self._part.replace(self.out)
        self._about.unlink(missing_ok=True)
        return shown

    @property
    def _part(self) -> Path:
        return self.out.with_name(f"{self.out.name}.part")

    @property
    def _about(self) -> Path:
        return self.out.with_name(f"{self.out.name}.part.json")

    def _begun(self, driver: Driver) -> str:
        """The id of the export: one that was begun before, where the server still has it; else a new one."""
        try:
            told = json.loads(self._about.read_bytes())
            if told["asked"] == dict(self.asked) and told["url"] == self.settings.url:
                self._look(driver, str(told["export"]))
                return str(told["export"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or none that can be read
        except ApiError as error:
            if error.status != 404:
                raise
        self._part.unlink(missing_ok=True)
        call = Call("POST", "/audit/exports", dict(self.asked))
        made: dict[str, Any] = driver.run(exchange(call, self.retry)).json()
        told = {"export": made["id"], "asked": dict(self.asked), "url": self.settings.url}
        self._about.write_text(json.dumps(told), encoding="utf-8")
        return str(made["id"])

    def _look(self, driver: Driver, export: str) -> dict[str, Any]:
        call = Call("GET", f"/audit/exports/{export}", idempotent=True)
        found: dict[str, Any] = driver.run(exchange(call, self.retry)).json()
        return found

    def _ready(self, driver: Driver, export: str) -> dict[str, Any]:
        while True:
            shown = self._look(driver, export)
            if shown["state"] == "ready":
                return shown
            if shown["state"] == "failed":
                self._about.unlink(missing_ok=True)
                raise NotExported(f"The server could not write it: {shown['error']}")
            self._say("writing", shown["walked"], shown["size"], f"{shown['events']:,} events")
            time.sleep(_LOOK_S)

    def _load(self, shown: Mapping[str, Any]) -> None:
        """Append to the part what it lacks; every piece that comes begins the count of attempts anew."""
        attempt = 0
        with (
            httpx2.Client(timeout=httpx2.Timeout(READ_S, connect=CONNECT_S)) as http,
            self._part.open("ab") as file,
        ):
            if file.tell() > shown["bytes"]:
                file.truncate(0)
            while file.seek(0, os.SEEK_END) < shown["bytes"]:
                before = file.tell()
                try:
                    for piece in self._pieces(http, shown, before):
                        file.write(piece)
                        self._say("loading", file.tell(), shown["bytes"], f"{file.tell():,} bytes")
                    lost: Exception | None = None
                except httpx2.TransportError as error:
                    lost = error
                attempt = 1 if file.tell() > before else attempt + 1
                if attempt >= self.retry.attempts:
                    raise Unreachable(f"The server gave no whole answer: {lost}") from None
                if file.tell() < shown["bytes"]:
                    time.sleep(self.retry.pause(attempt))

    def _pieces(self, http: httpx2.Client, shown: Mapping[str, Any], start: int) -> Iterator[bytes]:
        headers = {
            "Authorization": f"Bearer {self.settings.key.reveal()}",
            "Range": f"bytes={start}-",
            "If-Range": f'"{shown["sha256"]}"',
            "Accept-Encoding": "identity",
            "User-Agent": "assentry-python",
        }
        url = f"{self.settings.api}/audit/exports/{shown['id']}/content"
        with http.stream("GET", url, headers=headers) as answer:
            if answer.status_code in _AGAIN:
                return
            if answer.status_code != 206:
                told = {name.lower(): value for name, value in answer.headers.items()}
                raise problem(Answer(answer.status_code, told, answer.read()))
            yield from answer.iter_raw()  # as it comes: what was heard before a break is kept

    def _check(self, shown: Mapping[str, Any]) -> None:
        digest = hashlib.sha256()
        with self._part.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        if digest.hexdigest() != shown["sha256"]:
            self._part.unlink(missing_ok=True)
            self._about.unlink(missing_ok=True)
            raise NotExported("What came is not the file that the server announced: export again.")

    def _say(self, what: str, done: int, of: int, count: str) -> None:
        now = time.monotonic()
        if now - self._said >= _SAY_S or done == of:
            self._said = now
            share = 100 * done // of if of else 100
            print(f"{what} {share:3d} %  {count}", file=sys.stderr, flush=True)
