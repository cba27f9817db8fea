"""Signed notes with Ed25519 (c2sp.org/signed-note), and checkpoints of logs in them (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assentry.errors import BadNote, UnknownSigner


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
        """The key in its text; raises `BadNote` where it is none."""
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
    """The text of a signed note, and which of the keys signed it; other signers are passed over.

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
        name, _, encoded = line.removeprefix("\N{EM DASH} ").partition(" ")
        signature = from_base64(encoded)
        if not line.startswith("\N{EM DASH} ") or signature is None:
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
    """The checkpoint in a signed note; raises as `open_note`, and `BadNote` where it is no checkpoint."""
    text, key = open_note(note, keys)
    origin, size, encoded, *_ = [*text.split("\n"), "", ""]
    root = from_base64(encoded)
    if root is None or len(root) != 32 or not re.fullmatch("0|[1-9][0-9]{0,17}", size):
        raise BadNote("It is no checkpoint.")
    if origin != key.name:
        raise BadNote(f"A checkpoint of {origin!r} is signed by a key of {key.name!r}.")
    return Checkpoint(origin, int(size), root, key)


def from_base64(text: str) -> bytes | None:
    """What base64 with its padding stands for; None for any other spelling."""
    with suppress(ValueError):
        raw = binascii.a2b_base64(text)
        return raw if binascii.b2a_base64(raw, newline=False) == text.encode() else None
    return None
