"""A push message that only the browser can read (RFC 8291), and who sends it (VAPID, RFC 8292).

The push service between us and the browser sees neither the text nor whom it is for.
"""

from __future__ import annotations

import base64
import os
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

SALT: Final = 16
#: One record holds it all; push services take no more.
RECORD: Final = 4_096
MOST_TEXT: Final = 3_000


class BadKey(ValueError):
    """The browser's public key is no point of P-256, or its secret has not 16 bytes."""


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encrypt(
    text: bytes,
    *,
    browser_key: bytes,
    secret: bytes,
    salt: bytes | None = None,
    ours: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of a push message, in the content coding ``aes128gcm`` (RFC 8188).

    Args:
        text: at most `MOST_TEXT` bytes.
        browser_key: ``p256dh`` of the subscription, 65 bytes.
        secret: its ``auth``, 16 bytes.
        salt, ours: drawn anew for each message; given only to compare with the RFC's example.

    Raises:
        BadKey: as said.
    """
    if len(text) > MOST_TEXT:
        raise ValueError(f"a push message has at most {MOST_TEXT} bytes")
    if len(secret) != 16:
        raise BadKey("the secret has not 16 bytes")
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), browser_key)
    except ValueError as error:
        raise BadKey("no point of P-256") from error
    ours = ours or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(SALT)
    own = public_bytes(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    about = b"WebPush: info\x00" + browser_key + own
    material = _derive(shared, salt=secret, info=about, length=32)
    key = _derive(material, salt=salt, info=b"Content-Encoding: aes128gcm\x00", length=16)
    nonce = _derive(material, salt=salt, info=b"Content-Encoding: nonce\x00", length=12)
    sealed = AESGCM(key).encrypt(nonce, text + b"\x02", None)
    return salt + RECORD.to_bytes(4, "big") + bytes([len(own)]) + own + sealed


def authorization(
    *, private: ec.EllipticCurvePrivateKey, audience: str, subject: str, expires: int
) -> str:
    """The Authorization header of a push message.

    Args:
        audience: scheme, host and port of the push service.
        subject: how its operator reaches us, ``mailto:…`` or ``https://…``.
        expires: seconds since 1970, at most a day ahead.
    """
    claims = {"aud": audience, "exp": expires, "sub": subject}
    key = ECKey.import_key(private)
    token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, key, algorithms=["ES256"])
    return f"vapid t={token}, k={encoded(public_bytes(private.public_key()))}"


def encoded(raw: bytes) -> str:
    """Base64url without padding, as browsers write keys."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What `encoded` wrote; ValueError for anything else."""
    bare = text.rstrip("=")
    padding = "=" * (-len(bare) % 4)
    raw = base64.urlsafe_b64decode(bare + padding)
    if encoded(raw) != bare or text not in (bare, bare + padding):
        raise ValueError("not base64url")
    return raw


def _derive(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
