"""Permits as the server would sign them, and as it never would."""

from __future__ import annotations

import base64
import json
from typing import Any

from assentry import canonical, digest
from assentry.permits import KeySet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

NOW = 1_777_629_600
ISSUER = "https://assentry.example"
AUDIENCE = "https://assentry.example/workspaces/shop"
PAYLOAD = {"order": "A-1", "amount": 120}
KID = "key_01"


def suffix(number: int = 1) -> str:
    return f"{number:026d}"


class Signer:
    """One signing key, with its name."""

    def __init__(self, kid: str = KID, seed: int = 1) -> None:
        self.kid = kid
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
        raw = self.private.public_key().public_bytes_raw()
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(raw), "use": "sig"}

    def token(self, claims: dict[str, Any] | bytes | None = None, **header: Any) -> str:
        """Signed by joserfc where it can, so that two libraries agree."""
        head = {"alg": "Ed25519", "kid": self.kid, "typ": "permit+jwt", **header}
        body = claims if isinstance(claims, bytes) else json.dumps(claims or CLAIMS).encode()
        whole = {**self.jwk, "d": b64(self.private.private_bytes_raw())}
        key = OKPKey.import_key({k: whole[k] for k in ("kty", "crv", "x", "d")})
        return jws.serialize_compact(head, body, key, algorithms=["Ed25519"])

    def raw(self, header: bytes, body: bytes) -> str:
        """Signed by hand, whatever it is."""
        signed = f"{b64(header)}.{b64(body)}"
        return f"{signed}.{b64(self.private.sign(signed.encode()))}"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(payload: Any = None, **changed: Any) -> dict[str, Any]:
    """The claims of a good permit, and what is changed in them; None leaves out."""
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "ws": f"wsp_{suffix()}",
        "sub": f"agt_{suffix()}",
        "jti": f"pmt_{suffix()}",
        "req": f"req_{suffix()}",
        "rev": 1,
        "action": "payments.refund",
        "payload_sha256": digest(PAYLOAD if payload is None else payload).removeprefix("sha256:"),
        "nbf": NOW,
        "exp": NOW + 900,
        "iat": NOW,
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


CLAIMS = claims()
SIGNER = Signer()


def jwks(*signers: Signer) -> dict[str, Any]:
    return {"keys": [signer.jwk for signer in signers or (SIGNER,)]}


KEYS = KeySet(jwks())
assert canonical(PAYLOAD) == b'{"amount":120,"order":"A-1"}'
