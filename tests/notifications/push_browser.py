"""What a browser does with a push message: decrypting it (RFC 8291), and checking who sent it (RFC 8292)."""

from __future__ import annotations

import base64
import hmac
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

CURVE = ec.SECP256R1()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def hkdf(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 by its own two lines, for at most 32 bytes."""
    key = hmac.digest(salt, material, sha256)
    return hmac.digest(key, info + b"\x01", sha256)[:length]


@dataclass
class PushBrowser:
    """One subscription: its own key pair, its secret, and its address at a push service."""

    endpoint: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def json(self) -> dict[str, Any]:
        """As ``PushSubscription.toJSON()`` writes it."""
        keys = {"p256dh": b64(point(self.key.public_key())), "auth": b64(self.secret)}
        return {"endpoint": self.endpoint, "keys": keys}

    def read(self, body: bytes) -> bytes:
        """The text of a message; InvalidTag where it is not for this browser."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        assert length == 65
        assert len(sealed) <= size <= 4_096
        sender = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs)
        shared = self.key.exchange(ec.ECDH(), sender)
        about = b"WebPush: info\x00" + point(self.key.public_key()) + theirs
        material = hkdf(self.secret, shared, about, 32)
        key = hkdf(salt, material, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = hkdf(salt, material, b"Content-Encoding: nonce\x00", 12)
        padded = AESGCM(key).decrypt(nonce, sealed, None)
        text, mark = padded.rstrip(b"\x00")[:-1], padded.rstrip(b"\x00")[-1:]
        assert mark == b"\x02"
        return text

    def shown(self, body: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.read(body))
        return found


def vapid(header: str, *, endpoint: str, key: str) -> dict[str, Any]:
    """The claims of an Authorization header, after a push service's checks of it."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    told = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert told["k"] == key  # the one that the browser subscribed with
    raw = unb64(key)
    public = ECKey.import_key(
        {"kty": "EC", "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])}
    )
    token = jwt.decode(told["t"], public, algorithms=["ES256"])
    assert token.header == {"typ": "JWT", "alg": "ES256"}
    parts = urlsplit(endpoint)
    assert token.claims["aud"] == f"{parts.scheme}://{parts.netloc}"
    claims: dict[str, Any] = token.claims
    return claims
