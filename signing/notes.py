"""Signed notes (c2sp.org/signed-note) with Ed25519: a text, and who vouches for it.

A note is the text, an empty line, and signature lines ``— NAME BASE64(key id ‖ signature)``.  Who
checks one knows verifier keys, ``NAME+HEX(key id)+BASE64(0x01 ‖ public key)``; the key id is made from
name and key, so that another key under the same name is another key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signing.keys import Signer

_ED25519: Final = b"\1"
_DASH: Final = "\N{EM DASH} "


class BadNote(ValueError):
    """The text is no signed note, or nobody whose key is known has signed it."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that signs under a name."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The reverse of ``str``.

        Raises:
            BadNote: it is not a verifier key, its id is of another key, or it is not Ed25519.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        if not name or len(raw) != 33 or raw[:1] != _ED25519:
            raise BadNote("a verifier key is NAME+ID+KEY with an Ed25519 key")
        verifier = cls(name, raw[1:])
        if verifier.key_id.hex() != key_id:
            raise BadNote("the id in the verifier key is not that of its name and key")
        return verifier


def sign(text: str, *, name: str, signer: Signer) -> str:
    """Return ``text`` (which ends with a newline) as a note signed under ``name``."""
    if not text.endswith("\n") or not name or any(c.isspace() or c == "+" for c in name):
        raise ValueError("a note ends with a newline, and a key's name has neither space nor plus")
    verifier = Verifier(name, signer.public)
    signature = verifier.key_id + signer.sign(text.encode())
    return f"{text}\n{_DASH}{name} {base64.b64encode(signature).decode()}\n"


def open_note(note: str, verifiers: Iterable[Verifier]) -> tuple[str, Verifier]:
    """Return the text of a note and one of ``verifiers`` that signed it.

    Lines of signers that are not known are passed over; a bad signature of a known one is not.

    Raises:
        BadNote: it is no note, a known key's signature is wrong, or none of the keys has signed it.
    """
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise BadNote("this is not a signed note")
    text += "\n"
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    found = None
    for line in signatures.splitlines():
        name, signature = _signature(line)
        verifier = known.get((name, signature[:4]))
        if verifier is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature[4:], text.encode())
        except InvalidSignature:
            raise BadNote(f"the signature of {name} is wrong") from None
        found = verifier
    if found is None:
        raise BadNote("none of the known keys has signed this note")
    return text, found


def _signature(line: str) -> tuple[str, bytes]:
    if not line.startswith(_DASH):
        raise BadNote("this is not a signed note")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        return name, base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise BadNote("this is not a signed note") from None
