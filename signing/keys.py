"""The instance's signing keys: made on first use, kept for a minute, rotated by command."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from psycopg import Connection

from core.db import pool
from signing.sealing import Column, sealer

PERMIT: Final = "permit"
#: Checkpoints of the log, and manifests of its exports.
LOG: Final = "log"
PURPOSES: Final = (PERMIT, LOG)
#: A rotation reaches every process within this time; the key before it stays in the key set.
KEPT_S: Final = 60.0
#: How long a retired key can still be needed to read something: the longest permit, the time other
#: processes go on signing with it, and clocks that differ.
READABLE: Final = timedelta(hours=25)

_ACTIVE: Final = (
    "SELECT id, sealed FROM signing_signingkey WHERE purpose = %s AND retired_at IS NULL"
)
_TAKE_TURNS: Final = "SELECT pg_advisory_xact_lock(hashtextextended('assentry signing ' || %s, 0))"
_INSERT: Final = """
INSERT INTO signing_signingkey (id, purpose, public, sealed, created_at)
VALUES (%s, %s, %s, %s, clock_timestamp())
"""
_RETIRE: Final = """
UPDATE signing_signingkey SET retired_at = clock_timestamp()
 WHERE purpose = %s AND retired_at IS NULL RETURNING id
"""
_PUBLIC: Final = """
SELECT id, public FROM signing_signingkey
 WHERE purpose = %s AND (retired_at IS NULL OR retired_at > clock_timestamp() - %s::interval)
 ORDER BY retired_at DESC NULLS FIRST, id
"""
_EVERY: Final = """
SELECT id, public FROM signing_signingkey WHERE purpose = %s ORDER BY created_at DESC, id
"""

_SINCE: Final = """
SELECT purpose, id, created_at FROM signing_signingkey WHERE retired_at IS NULL ORDER BY purpose
"""


@dataclass(frozen=True, slots=True)
class Signs:
    """Which key signs for what, by its ``kid``, and since when."""

    purpose: str
    kid: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now."""

    id: str
    key: OKPKey

    @property
    def public(self) -> bytes:
        """The public key's 32 bytes."""
        return self._private().public_key().public_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """The Ed25519 signature of ``content``, 64 bytes (RFC 8032)."""
        return self._private().sign(content)

    def _private(self) -> Ed25519PrivateKey:
        private = self.key.private_key
        if not isinstance(private, Ed25519PrivateKey):
            raise TypeError("the instance signs with Ed25519 keys only")
        return private


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to; ``before`` is None where there was no key yet."""

    before: str | None
    after: str


def about(key_id: str) -> str:
    """The place that a private key is sealed to."""
    return f"signing key {key_id}"


#: Every sealed column of this folder.
SEALED: Final = (Column("signing_signingkey", "sealed", about),)


class Signers:
    """The signing keys of one process, read again once a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Signer]] = {}

    def current(self, purpose: str) -> Signer:
        """Return the key that signs for `purpose`; the first call of an instance makes it."""
        kept = self._kept.get(purpose)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        with self._lock:
            signer = _read_or_make(purpose)
            self._kept[purpose] = (time.monotonic() + KEPT_S, signer)
            return signer

    def forget(self) -> None:
        """Read the keys again on the next use."""
        with self._lock:
            self._kept.clear()


signers: Final = Signers()


def _read_or_make(purpose: str) -> Signer:
    with pool().connection() as conn, conn.transaction():
        found = conn.execute(_ACTIVE, [purpose]).fetchone()
        if found is None:
            conn.execute(_TAKE_TURNS, [purpose])
            found = conn.execute(_ACTIVE, [purpose]).fetchone() or _make(conn, purpose)
    key_id, sealed = found
    return Signer(key_id, _jwk(sealer().open(sealed, about(key_id)), key_id))


def _make(conn: Connection[Any], purpose: str) -> tuple[str, bytes]:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key_id = public_jwk(public).thumbprint()
    sealed = sealer().seal(private.private_bytes_raw(), about(key_id))
    conn.execute(_INSERT, [key_id, purpose, public, sealed])
    return key_id, sealed


def rotate(conn: Connection[Any], purpose: str) -> Rotated:
    """Retire the key of `purpose` and make another, in the caller's transaction.

    What the old one signed stays readable: it is in the key set as long as a permit may live.
    """
    conn.execute(_TAKE_TURNS, [purpose])
    retired = conn.execute(_RETIRE, [purpose]).fetchone()
    return Rotated(None if retired is None else retired[0], _make(conn, purpose)[0])


def publics(purpose: str) -> list[tuple[str, bytes]]:
    """Return every key of `purpose` that ever signed, as id and 32 bytes, the newest first."""
    signers.current(purpose)  # there is one from the first look on
    with pool().connection() as conn:
        return conn.execute(_EVERY, [purpose]).fetchall()


def signing() -> list[Signs]:
    """Return the key that signs for each purpose now; none for what was never signed."""
    with pool().connection() as conn:
        return [Signs(*row) for row in conn.execute(_SINCE)]


def key_set(purpose: str) -> dict[str, Any]:
    """Return the public keys of `purpose` as a JWK set (RFC 7517, 5), the one that signs first."""
    signers.current(purpose)  # there is one from the first look on
    with pool().connection() as conn:
        rows = conn.execute(_PUBLIC, [purpose, READABLE]).fetchall()
    return {
        "keys": [
            {
                **public_jwk(public).as_dict(private=False),
                "kid": key_id,
                "use": "sig",
                "alg": "Ed25519",
            }
            for key_id, public in rows
        ]
    }


def public_jwk(public: bytes) -> OKPKey:
    """Return the JWK of an Ed25519 public key's 32 bytes."""
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _b64(public)})


def _jwk(private: bytes, key_id: str) -> OKPKey:
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": _b64(public), "d": _b64(private), "kid": key_id}
    )


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
