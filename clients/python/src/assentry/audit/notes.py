"""Signed notes with Ed25519 (c2sp.org/signed-note), and the checkpoints in them (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assentry.errors import AssentryError

_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_DASH: Final = "\N{EM DASH} "


class BadNote(AssentryError, ValueError):
    """A text is no signed note, no checkpoint, no verifier key, or none that is known."""


class UnknownSigner(BadNote):
    """A note is signed by none of the keys that were given."""


@dataclass(frozen=True)
class Key:
    """A verifier key: ``NAME+ID+KEY`` (c2sp.org/signed-note), Ed25519."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, 0x01 and public key."""
        return sha256(self.name.encode() + b"\n\1" + self.public).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key in its text.

        Raises:
            BadNote: it is none.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = from_base64(encoded)
        if not name or raw is None or len(raw) != 33 or raw[:1] != b"\1":
            raise BadNote("A verifier key is written NAME+ID+KEY, with an Ed25519 key.")
        key = cls(name, raw[1:])
        if key.id.hex() != key_id:
            raise BadNote("The id in the verifier key is not that of its name and key.")
        return key


@dataclass(frozen=True)
class Checkpoint:
    """How long a log was, and its root; ``key`` signed it."""

    origin: str
    size: int
    root: bytes
    key: Key


def open_note(note: str, keys: Iterable[Key]) -> tuple[str, Key]:
    """The text of a signed note, and the key that signed it.  Signers that are not known are passed over.

    Raises:
        UnknownSigner: none of the keys did.
        BadNote: it is no note, or the signature of a known key is wrong.
    """
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise BadNote("It is no signed note.")
    text += "\n"
    known = {(key.name, key.id): key for key in keys}
    found: Key | None = None
    for line in signatures[:-1].split("\n"):
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        signature = from_base64(encoded)
        if not line.startswith(_DASH) or signature is None:
            raise BadNote("It is no signed note.")
        key = known.get((name, signature[:4]))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
        except (InvalidSignature, ValueError):
            raise BadNote(f"The signature of {name} is wrong.") from None
        found = key
    if found is None:
        raise UnknownSigner("It is signed by none of the keys that were given.")
    return text, found


def open_checkpoint(note: str, keys: Iterable[Key]) -> Checkpoint:
    """The checkpoint in a signed note (c2sp.org/tlog-checkpoint).

    Raises:
        BadNote: as `open_note`, or it is no checkpoint.
    """
    text, key = open_note(note, keys)
    origin, size, root = stated(text)
    if origin != key.name:
        raise BadNote(f"A checkpoint of {origin!r} is signed by a key of {key.name!r}.")
    return Checkpoint(origin, size, root, key)


def stated(text: str) -> tuple[str, int, bytes]:
    """Origin, size and root that the text of a checkpoint says, whoever signed it.

    Raises:
        BadNote: it is no checkpoint.
    """
    lines = text.split("\n")
    root = from_base64(lines[2]) if len(lines) > 3 else None
    if root is None or len(root) != 32 or not _COUNT.fullmatch(lines[1]):
        raise BadNote("It is no checkpoint.")
    return lines[0], int(lines[1]), root


def from_base64(text: str) -> bytes | None:
    """What base64 with its padding stands for; None for any other spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
