"""Receiving callbacks: whether one is genuine, new, and what it tells (Standard Webhooks 1.0).

Needs the standard library only; keys that begin with ``whpk_`` need ``assentry[permits]``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from assentry.canonical import parsed
from assentry.errors import CallbackRefused, CallbackRepeated, PayloadError, SettingsError
from assentry.objects import Request

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    _WITH_ED25519 = False
else:
    _WITH_ED25519 = True

__all__ = [
    "Callback",
    "CallbackRefused",
    "CallbackRepeated",
    "Seen",
    "SeenFile",
    "SeenInMemory",
    "verify_callback",
    "verify_signature",
]

TOLERANCE_S: Final = 300
#: How long an id is remembered: longer than one callback is attempted.
KEPT_S: Final = 7 * 24 * 3600
#: At least so long, whatever was asked for: a replay of a day ago is a repeat.
_KEPT_AT_LEAST_S: Final = 24 * 3600
#: So much of the header with the signatures is read, and it is refused beyond.
_SIGNATURES_AT_MOST: Final = 8192

_ID: Final = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")

#: Whether a signature (in base64, as the header has it) is one of these bytes.
_Check: TypeAlias = Callable[[str, bytes], bool]


class Seen(Protocol):
    """Where the ids of callbacks are remembered."""

    def add(self, id: str) -> bool:
        """Remember an id; False where it was remembered already.  Of several at once, one is True."""

    def forget(self, id: str) -> None:
        """Undo `add`, where acting on it failed: the next attempt counts as the first."""


class SeenInMemory:
    """Remembered by this process, until it ends.

    Args:
        keep_s: for how long, at least a day.
        clock: seconds since 1970.
    """

    def __init__(self, keep_s: float = KEPT_S, clock: Callable[[], float] = time.time) -> None:
        self._keep_s, self._clock = max(keep_s, _KEPT_AT_LEAST_S), clock
        self._lock = threading.Lock()
        self._at: dict[str, float] = {}

    def add(self, id: str) -> bool:
        """As `Seen.add`."""
        now = self._clock()
        with self._lock:
            # In the order of their coming, so that what is over stands in front.
            while self._at and next(iter(self._at.values())) < now - self._keep_s:
                del self._at[next(iter(self._at))]
            if id in self._at:
                return False
            self._at[id] = now
            return True

    def forget(self, id: str) -> None:
        """As `Seen.forget`."""
        with self._lock:
            self._at.pop(id, None)


class SeenFile:
    """Remembered in a file (SQLite), over restarts; several processes of a machine may share it.

    Args:
        path: the file; it is made where there is none.
        keep_s: for how long, at least a day.
        clock: seconds since 1970.

    Raises:
        SettingsError: the file cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        keep_s: float = KEPT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self._keep_s, self._clock = max(keep_s, _KEPT_AT_LEAST_S), clock
        try:
            with self._using() as db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at REAL NOT NULL)"
                    " WITHOUT ROWID"
                )
                db.execute("CREATE INDEX IF NOT EXISTS seen_at ON seen (at)")
        except sqlite3.Error as error:
            raise SettingsError(f"The file {self.path} cannot be used: {error}") from error

    def add(self, id: str) -> bool:
        """As `Seen.add`.  It is on the disk before this returns."""
        now = self._clock()
        with self._using() as db:
            db.execute("DELETE FROM seen WHERE at < ?", [now - self._keep_s])
            done = db.execute("INSERT OR IGNORE INTO seen (id, at) VALUES (?, ?)", [id, now])
            return done.rowcount == 1

    def forget(self, id: str) -> None:
        """As `Seen.forget`."""
        with self._using() as db:
            db.execute("DELETE FROM seen WHERE id = ?", [id])

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        # A connection for each time: servers fork, and one that was opened before must not be used.
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = EXTRA")
            yield db


@dataclass(frozen=True)
class Callback:
    """One genuine callback.

    Attributes:
        id: the same in every attempt.
        type: what happened, such as ``request.approved``.
        timestamp: when it happened.
        data: what it tells.
        request: `data`, where that is a request.  Payloads over 16 kB and sensitive members are not
            in it: read them with `Client.get`.
        sequence: of the request.  Callbacks come in no order: one with a lower sequence than what
            you know is stale.
    """

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any] = field(repr=False)
    request: Request | None
    sequence: int | None


def verify_callback(
    headers: Mapping[str, str],
    body: bytes,
    keys: str | Sequence[str],
    *,
    seen: Seen | None = None,
    tolerance_s: int = TOLERANCE_S,
    now: float | None = None,
) -> Callback:
    """The callback in these headers and this body, as it came, byte for byte.

    Args:
        keys: the endpoint's secret (``whsec_…``) or public key (``whpk_…``); several while they are
            being changed.
        seen: where ids are remembered; without it a repeat is not noticed.
        tolerance_s: how far its clock may be from ours.
        now: seconds since 1970.

    Raises:
        CallbackRepeated: it came before: answer 200 and do nothing.  (It is a `CallbackRefused`:
            catch it first.)
        CallbackRefused: it is not genuine, or too old: answer 401.
        ValueError: a key is malformed.
    """
    named = verify_signature(headers, body, keys, tolerance_s=tolerance_s, now=now)
    found = _callback(named, body)
    if seen is not None and not seen.add(named):
        raise CallbackRepeated(named)
    return found


def verify_signature(
    headers: Mapping[str, str],
    body: bytes,
    keys: str | Sequence[str],
    *,
    tolerance_s: int = TOLERANCE_S,
    now: float | None = None,
) -> str:
    """The id of a genuine message, whatever is in it; arguments and exceptions as `verify_callback`."""
    checks = _checks(keys)
    named, stamp = _header(headers, "webhook-id"), _header(headers, "webhook-timestamp")
    if not _ID.fullmatch(named):
        raise CallbackRefused("The webhook-id is none.")
    if not _SECONDS.fullmatch(stamp):
        raise CallbackRefused("The webhook-timestamp is no number of seconds.")
    age = (time.time() if now is None else now) - int(stamp)
    if abs(age) > tolerance_s:
        why = "too old" if age > 0 else "in the future"
        raise CallbackRefused(f"The callback is {why}, by more than {tolerance_s} s.")
    given = _header(headers, "webhook-signature")
    if len(given) > _SIGNATURES_AT_MOST:
        raise CallbackRefused("The webhook-signature is too long.")
    signed = b".".join((named.encode(), stamp.encode(), body))
    for one in given.split(" "):
        version, _, signature = one.partition(",")
        if any(version == wanted and check(signature, signed) for wanted, check in checks):
            return named
    raise CallbackRefused("No signature of the callback is by a key that was given.")


def _header(headers: Mapping[str, str], name: str) -> str:
    found = {value for key, value in headers.items() if key.lower() == name}
    if len(found) != 1:
        raise CallbackRefused(f"The header {name} is {'there twice' if found else 'missing'}.")
    return found.pop()


def _checks(keys: str | Sequence[str]) -> list[tuple[str, _Check]]:
    """What each key checks: the version of the signatures, and how."""
    several = [keys] if isinstance(keys, str) else list(keys)
    if not several:
        raise ValueError("There is no key to check callbacks with.")
    return [_check(key) for key in several]


def _check(key: str) -> tuple[str, _Check]:
    prefix, mark, rest = key.partition("_")
    match prefix + mark:
        case "whsec_":
            return "v1", _hmac(_decoded("whsec_", rest))
        case "whpk_":
            return "v1a", _ed25519(_decoded("whpk_", rest))
        case "whsk_":
            raise ValueError("A key with whsk_ signs callbacks: give the one with whpk_ to check.")
        case _:
            raise ValueError("A key to check callbacks with begins with whsec_ or whpk_.")


def _decoded(prefix: str, text: str) -> bytes:
    if not text:
        raise ValueError(f"After {prefix} there is nothing.")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"What stands after {prefix} is no base64.") from None


def _hmac(secret: bytes) -> _Check:
    if not 24 <= len(secret) <= 64:
        raise ValueError(f"A secret has 24 to 64 bytes, not {len(secret)}.")

    def check(given: str, signed: bytes) -> bool:
        return hmac.compare_digest(v1(secret, signed), given.encode("utf-8", "replace"))

    return check


def v1(secret: bytes, signed: bytes) -> bytes:
    """What stands after ``v1,`` for these bytes: the base64 of their HMAC-SHA256."""
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))


def _ed25519(raw: bytes) -> _Check:
    if len(raw) != 32:
        raise ValueError(f"A public key has 32 bytes, not {len(raw)}.")
    if not _WITH_ED25519:
        raise ImportError("Keys with whpk_ need cryptography: pip install 'assentry[permits]'")
    key = Ed25519PublicKey.from_public_bytes(raw)

    def check(given: str, signed: bytes) -> bool:
        try:
            key.verify(base64.b64decode(given, validate=True), signed)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check


def _callback(named: str, body: bytes) -> Callback:
    try:
        told = parsed(body)
    except PayloadError as error:
        raise CallbackRefused(f"The callback's body cannot be read: {error}") from None
    match told:
        case {"type": str(kind), "timestamp": str(at), "data": dict(data)}:
            sequence = data.get("sequence")
            return Callback(
                id=named,
                type=kind,
                timestamp=_moment(at),
                data=data,
                request=Request(data) if data.get("kind") in ("request", "question") else None,
                sequence=sequence if type(sequence) is int else None,
            )
        case _:
            raise CallbackRefused("The callback's body is no object of type, timestamp and data.")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CallbackRefused("The callback's body does not say when it happened.")
    return found
