"""A security key in software: real keys and signatures, and every way to get an answer wrong."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

FLAG = AuthenticatorData.FLAG


@dataclass
class SoftKey:
    """One credential on one device; it counts what it signs, from `count` on."""

    origin: str
    domain: str = "localhost"
    count: int = 0
    verifies: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes = b""

    def make(self, options: dict[str, Any], **wrong: Any) -> str:
        """What a browser posts of a new credential."""
        self.user_handle = websafe_decode(options["user"]["id"])
        public = ES256.from_cryptography_key(self.key.public_key())
        data = AttestedCredentialData.create(b"\0" * 16, self.id, public)
        told = self._client("webauthn.create", options, wrong)
        attested = AttestationObject.create("none", self._data(wrong, data), {})
        return self._answer(
            {"clientDataJSON": websafe_encode(told), "attestationObject": websafe_encode(attested)}
        )

    def sign(self, options: dict[str, Any], **wrong: Any) -> str:
        """What a browser posts of a signature; ``origin``, ``verified``, ``count`` may be wrong."""
        self.count += 1
        told = self._client("webauthn.get", options, wrong)
        data = self._data(wrong)
        signed = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        answer = {
            "clientDataJSON": websafe_encode(told),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signed),
            "userHandle": websafe_encode(wrong.get("user_handle", self.user_handle)),
        }
        return self._answer(answer)

    def _client(self, kind: str, options: dict[str, Any], wrong: dict[str, Any]) -> bytes:
        told = {
            "type": kind,
            "challenge": wrong.get("challenge", options["challenge"]),
            "origin": wrong.get("origin", self.origin),
            "crossOrigin": False,
        }
        return json.dumps(told).encode()

    def _data(
        self, wrong: dict[str, Any], credential: AttestedCredentialData | None = None
    ) -> AuthenticatorData:
        flags = FLAG.UP
        if wrong.get("verified", self.verifies):
            flags |= FLAG.UV
        if credential is not None:
            flags |= FLAG.AT
        domain = hashlib.sha256(wrong.get("domain", self.domain).encode()).digest()
        count = wrong.get("count", self.count)
        data: AuthenticatorData = AuthenticatorData.create(domain, flags, count, credential or b"")
        return data

    def _answer(self, response: dict[str, str]) -> str:
        named = websafe_encode(self.id)
        return json.dumps(
            {
                "id": named,
                "rawId": named,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )
