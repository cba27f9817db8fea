"""Standard Webhooks 1.0 signatures: ``v1`` (HMAC-SHA256) and ``v1a`` (Ed25519).  Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET: Final = "whsec_"
PUBLIC: Final = "whpk_"
#: What a shared secret may measure, in bytes; ours have 32.
SECRET_BYTES: Final = range(24, 65)
OWN_BYTES: Final = 32


class BadSecret(ValueError):
    """Not a ``whsec_`` secret of 24 to 64 bytes; the message never repeats it."""


@dataclass(frozen=True)
class Pair:
    """What signs for an endpoint: the bytes of its shared secret, and of its Ed25519 private key."""

    secret: bytes
    private: bytes

    @cached_property
    def _ed25519(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.private)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._ed25519.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> tuple[str, str]:
        """Return the signatures ``v1,…`` and ``v1a,…`` of a signed content."""
        return (
            "v1," + _b64(hmac.digest(self.secret, message, hashlib.sha256)),
            "v1a," + _b64(self._ed25519.sign(message)),
        )


def new_pair() -> Pair:
    """Return a fresh shared secret and key pair."""
    return Pair(secrets.token_bytes(OWN_BYTES), Ed25519PrivateKey.generate().private_bytes_raw())


def headers(message_id: str, at: int, body: bytes, pairs: Sequence[Pair]) -> dict[str, str]:
    """Return the three headers of a delivery, signed by every pair that counts.

    Args:
        message_id: the same for every attempt; without a full stop.
        at: seconds since 1970, of this attempt.
        body: exactly the bytes that are sent.
        pairs: the newest first.
    """
    content = _content(message_id, at, body)
    signed = [signature for pair in pairs for signature in pair.sign(content)]
    return _headers(message_id, at, signed)


def headers_of_secret(message_id: str, at: int, body: bytes, secret: bytes) -> dict[str, str]:
    """Return the same, signed by a shared secret alone (``v1``)."""
    content = _content(message_id, at, body)
    return _headers(message_id, at, ["v1," + _b64(hmac.digest(secret, content, hashlib.sha256))])


def _content(message_id: str, at: int, body: bytes) -> bytes:
    if "." in message_id:
        raise ValueError("a full stop in a message's id would make its signature ambiguous")
    return f"{message_id}.{at}.".encode() + body


def _headers(message_id: str, at: int, signed: Sequence[str]) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signed),
    }


def show_secret(secret: bytes) -> str:
    """Return a shared secret as receivers know it: ``whsec_`` and base64."""
    return SECRET + _b64(secret)


def show_public(public: bytes) -> str:
    """Return a public key as receivers know it: ``whpk_`` and base64."""
    return PUBLIC + _b64(public)


def parse_secret(text: str) -> bytes:
    """Return the bytes of a ``whsec_`` secret.

    Raises:
        BadSecret: another prefix, no base64, or not 24 to 64 bytes.
    """
    if not text.startswith(SECRET):
        raise BadSecret("A shared secret begins with whsec_.")
    try:
        raw = base64.b64decode(text[len(SECRET) :], validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret("What follows whsec_ is not base64.") from None
    if len(raw) not in SECRET_BYTES:
        raise BadSecret("A shared secret has 24 to 64 bytes.")
    return raw


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
