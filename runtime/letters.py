"""Mails as files in a folder: written whole, the newest kept, read with distrust.

A file is the mail as it came, below two lines about its envelope.  Whoever may send to the mailbox
may write anything into it, so nothing that is read here raises for what a mail says.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from pathlib import Path
from typing import Any, Final

KEPT: Final = 500
SUFFIX: Final = ".eml"
NAME: Final = re.compile(r"[0-9]{16}-[0-9]{6}")
#: The envelope's lines: the first of each name is ours, whatever the mail itself holds.
TO, FROM = "X-Envelope-To", "X-Envelope-From"
#: A longer header is shown as it stands: looking for encoded words takes time by the square of it.
DECODED: Final = 4096
_BREAK: Final = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Summary:
    """One mail in a list; `to` are the envelope's recipients, `at` is when it came (UTC)."""

    id: str
    at: str
    to: tuple[str, ...]
    sender: str
    subject: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: its parts as text, empty where it has none, its headers, and the whole as it came."""

    summary: Summary
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    raw: bytes

    def as_json(self) -> dict[str, Any]:
        """The same for a program, without the source."""
        return {
            **asdict(self.summary),
            "headers": [list(each) for each in self.headers],
            "text": self.text,
            "html": self.html,
        }


class Letters:
    """The folder of mails; one process writes to it, threads may read."""

    def __init__(self, folder: Path, *, kept: int = KEPT) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = folder
        self._kept = kept
        self._lock = threading.Lock()
        self._number = 0
        self._known: dict[str, Summary] = {}
        for left in folder.glob(".*" + SUFFIX):  # half of a mail, of a process that was killed
            left.unlink(missing_ok=True)

    def add(self, *, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Keep one mail and forget the oldest beyond `kept`; returns its id.

        Raises:
            OSError: it could not be written; then nothing of it is left.
        """
        lines = f"{TO}: {_line(', '.join(recipients))}\r\n{FROM}: {_line(sender)}\r\n"
        with self._lock:
            self._number += 1
            name = f"{time.time_ns() // 1000:016d}-{self._number % 1_000_000:06d}"
            scratch = self._folder / f".{name}{SUFFIX}"
            try:
                descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(lines.encode("utf-8", "replace") + content)
                scratch.rename(self._folder / f"{name}{SUFFIX}")
            finally:
                scratch.unlink(missing_ok=True)
            for old in self._names()[self._kept :]:
                (self._folder / f"{old}{SUFFIX}").unlink(missing_ok=True)
                self._known.pop(old, None)
        return name

    def newest(self, to: str = "") -> list[Summary]:
        """What is kept, the newest first; with `to` only what went to that address."""
        wanted = to.strip().casefold()
        found = []
        for name in self._names():
            summary = self._known.get(name)
            if summary is None:
                letter = self.read(name)
                if letter is None:
                    continue
                summary = self._known[name] = letter.summary
            if not wanted or wanted in {each.casefold() for each in summary.to}:
                found.append(summary)
        return found

    def read(self, name: str) -> Letter | None:
        """One mail by its id; None where there is none."""
        if NAME.fullmatch(name) is None:
            return None
        try:
            raw = (self._folder / f"{name}{SUFFIX}").read_bytes()
        except OSError:
            return None
        return parse(name, raw)

    def _names(self) -> list[str]:
        """The ids, the newest first: they begin with the time."""
        names = (path.name.removesuffix(SUFFIX) for path in self._folder.glob("*" + SUFFIX))
        return sorted(filter(NAME.fullmatch, names), reverse=True)


def parse(name: str, raw: bytes) -> Letter:
    """A mail from its file; what cannot be understood is shown as it stands."""
    message = message_from_bytes(raw)
    headers = tuple((key, words(value)) for key, value in message.raw_items())
    first: dict[str, str] = {}
    for key, value in headers:
        first.setdefault(key.casefold(), value)
    to = tuple(filter(None, (each.strip() for each in first.get(TO.casefold(), "").split(","))))
    at = datetime.fromtimestamp(int(name[:16]) / 1_000_000, UTC)
    summary = Summary(
        id=name,
        at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        to=to,
        sender=first.get("from") or first.get(FROM.casefold(), ""),
        subject=first.get("subject", ""),
        message_id=first.get("message-id", ""),
    )
    parts = {kind: _body(message, kind) for kind in ("text/plain", "text/html")}
    return Letter(summary, headers, parts["text/plain"], parts["text/html"], raw)


def words(written: str) -> str:
    """A header's value as one line for people: unfolded, encoded words decoded where they can be."""
    if len(written) > DECODED:
        return _line(written)
    try:
        pieces = decode_header(written)
    except (HeaderParseError, ValueError):
        return _line(written)
    return _line(
        "".join(
            piece if isinstance(piece, str) else _text(piece, charset or "utf-8")
            for piece, charset in pieces
        )
    )


def _text(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _line(text: str) -> str:
    return _BREAK.sub(" ", text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _body(message: Message, kind: str) -> str:
    """The first part of a kind that is no attachment."""
    for part in _parts(message):
        if part.get_content_type() != kind or part.get_content_disposition() == "attachment":
            continue
        data: Any = None
        with contextlib.suppress(ValueError):
            data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            return _text(data, part.get_content_charset() or "utf-8")
    return ""


def _parts(message: Message) -> Iterator[Message]:
    yield from (part for part in message.walk() if not part.is_multipart())
