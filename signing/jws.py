"""Signed statements in compact form (RFC 7515), with Ed25519 (RFC 8037, named as RFC 9864 does)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from joserfc import jws

from signing.keys import Signer

ALGORITHM: Final = "Ed25519"
_registry: Final = jws.JWSRegistry(algorithms=[ALGORITHM])
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def sign(claims: dict[str, Any], *, signer: Signer, typ: str) -> str:
    """Return `claims` signed by `signer`; `typ` says what kind of statement it is."""
    header = {"alg": ALGORITHM, "kid": signer.id, "typ": typ}
    return jws.serialize_compact(header, _encode(claims), signer.key, registry=_registry)
