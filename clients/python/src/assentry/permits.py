"""Permits, checked offline: the server's signed word that exactly this may run.

That a permit is genuine does not make it unused: only consuming it does (`assentry.tools`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from assentry.canonical import canonical, parsed
from assentry.errors import PayloadError, PermitDead, PermitRefused

try:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import OKPKey
except ImportError as error:
    raise ImportError(f"{__name__} needs joserfc: pip install 'assentry[permits]'") from error

__all__ = ["KeySet", "Permit", "PermitDead", "PermitRefused", "read_permit"]

ALGORITHM: Final = "Ed25519"
TYPE: Final = "permit+jwt"
#: A permit has some 600 characters.
_TOKEN_AT_MOST: Final = 8192
_KEYS_AT_MOST: Final = 64
#: How far ahead of ours the clock may be that wrote a permit.
AHEAD_S: Final = 300
#: How long fetched keys are used, and how long after asking for keys nobody asks for an unknown one.
CACHED_S: Final = 300.0
AGAIN_S: Final = 30.0

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_IDS: Final = {
    name: re.compile(rf"{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}")
    for name, prefix in (("sub", "agt"), ("jti", "pmt"), ("req", "req"))
}


@dataclass(frozen=True)
class Permit:
    """A permit whose signature, audience and time are right.

    Attributes:
        iss: who signed it.
        aud: for whom: the workspace's address.
        ws: the workspace.
        sub: the agent that may act.
        jti: its own id: also a name for the effect where that can be asked for once only.
        req: the request that was approved.
        rev: which revision of it.
        action: what may be done.
        payload_sha256: of the canonical payload, in hexadecimal.
        nbf, exp, iat: valid from and until, and made at, in seconds since 1970.
        token: as it came.
    """

    iss: str
    aud: str
    ws: str
    sub: str
    jti: str
    req: str
    rev: int
    action: str
    payload_sha256: str
    nbf: int
    exp: int
    iat: int
    token: str = field(repr=False)

    def verify(self, action: str, payload: Mapping[str, Any] | str | bytes) -> None:
        """That it allows exactly this.

        Args:
            payload: a value, or JSON text, which must then have one meaning.

        Raises:
            PermitRefused: it names what differs.
        """
        if action != self.action:
            raise PermitRefused(f"The permit {self.jti} is for another action: {self.action}.")
        self.verify_payload(payload)

    def verify_payload(self, payload: Mapping[str, Any] | str | bytes) -> str:
        """That it allows this payload; its digest in hexadecimal.

        Raises:
            PermitRefused: where not.
        """
        try:
            if isinstance(payload, Mapping):
                value: Any = dict(payload)
            else:
                value = parsed(payload)
            found = hashlib.sha256(canonical(value)).hexdigest()
        except PayloadError as error:
            raise PermitRefused(f"The permit {self.jti} is for no such payload: {error}") from error
        if not hmac.compare_digest(found, self.payload_sha256):
            raise PermitRefused(
                f"The permit {self.jti} is for another payload: sha256:{self.payload_sha256} was "
                f"approved, and this one is sha256:{found}."
            )
        return found


class KeySet:
    """The public keys that permits are signed with.

    Args:
        jwks: a JWK set, which is then all there is; without it, `assentry.tools` fetches the server's.
        clock: seconds, of any origin.

    Raises:
        ValueError: it is no JWK set.
    """

    def __init__(
        self, jwks: Mapping[str, Any] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, OKPKey] = {} if jwks is None else _keys(jwks)
        self._fixed = jwks is not None
        self._fetched: float | None = None
        self._asked: float | None = None

    def get(self, kid: str) -> OKPKey | None:
        """The key of this name."""
        return self._keys.get(kid)

    def take(self, jwks: Any) -> None:
        """These are the keys now: a name that is not among them is none any more.

        Raises:
            ValueError: it is no JWK set; those that were known stay.
        """
        found = _keys(jwks)
        with self._lock:
            self._keys, self._fetched = found, self._clock()

    def due(self, kid: str) -> bool:
        """Whether the server's keys are to be fetched before this one is looked up.

        They are, where they are five minutes old; and where the key is unknown, at most every 30
        seconds, whatever strangers send.
        """
        if self._fixed:
            return False
        with self._lock:
            now = self._clock()
            if self._fetched is None or now - self._fetched >= CACHED_S:
                self._asked = now
                return True
            if kid in self._keys or now - (self._asked or 0) < AGAIN_S:
                return False
            self._asked = now
            return True


def _keys(jwks: Any) -> dict[str, OKPKey]:
    match jwks:
        case {"keys": list(several)} if len(several) <= _KEYS_AT_MOST:
            pass
        case _:
            raise ValueError(f"A JWK set has a list of at most {_KEYS_AT_MOST} keys.")
    found: dict[str, OKPKey] = {}
    for one in several:
        match one:
            case {"kty": "OKP", "crv": "Ed25519", "kid": str(kid), "x": str(x)}:
                if one.get("use", "sig") != "sig" or one.get("alg", ALGORITHM) != ALGORITHM:
                    continue
            case _:
                continue  # a key for something else
        if kid in found:
            raise ValueError("A JWK set has two keys of one name.")
        try:
            # Only its public half, whatever else is there.
            found[kid] = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
        except (JoseError, ValueError) as error:
            raise ValueError("A JWK set has a key that is none.") from error
    return found


def kid_of(token: str) -> str:
    """The name of the key that a token says it is signed with.  Nothing is verified yet.

    Raises:
        PermitRefused: it is no permit.
    """
    if len(token) > _TOKEN_AT_MOST or not _COMPACT.fullmatch(token):
        raise PermitRefused("This is no permit: not three parts in base64url, or too long.")
    header = _object(token.partition(".")[0], "header")
    if header.get("alg") != ALGORITHM:
        raise PermitRefused(f"The permit is not signed with {ALGORITHM}.")
    if header.get("typ") != TYPE:
        raise PermitRefused(f"The token is of another type than {TYPE}.")
    if {"crit", "b64"} & header.keys():
        raise PermitRefused("The permit asks for an extension that is not known here.")
    kid = header.get("kid")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise PermitRefused("The permit does not name the key that it is signed with.")
    return kid


def read_permit(
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    audience: str,
    now: float | None = None,
    leeway_s: float = 5,
) -> Permit:
    """The permit in a token that an agent gave.

    Args:
        now: seconds since 1970.
        leeway_s: how far the clocks may be apart at its beginning and its end.

    Raises:
        PermitDead: it is over.
        PermitRefused: it is none, or not for here, or not yet.
    """
    kid = kid_of(token)
    key = keys.get(kid)
    if key is None:
        raise PermitRefused("The permit is signed with a key that is not known, or not any more.")
    try:
        signed = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise PermitRefused("The permit's signature is not the key's.") from None
    permit = _permit(token, _claims(signed.payload))
    if permit.iss != issuer:
        raise PermitRefused("The permit is by another issuer.")
    if permit.aud != audience:
        raise PermitRefused("The permit is for another audience.")
    _require_time(permit, time.time() if now is None else now, leeway_s)
    return permit


def _require_time(permit: Permit, now: float, leeway_s: float) -> None:
    if permit.iat > now + AHEAD_S:
        raise PermitRefused("The permit was made in the future.")
    if permit.nbf > now + leeway_s:
        raise PermitRefused("The permit is not valid yet.")
    if permit.exp <= now - leeway_s or permit.exp <= permit.nbf:
        raise PermitDead("The permit has expired.", "permit_expired")


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise PermitRefused(f"The permit's {what} is no base64url.") from None
    return _claims(raw, what)


def _claims(raw: bytes, what: str = "body") -> dict[str, Any]:
    try:
        found = parsed(raw)
    except PayloadError as error:
        raise PermitRefused(f"The permit's {what} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise PermitRefused(f"The permit's {what} is no object.")
    return found


def _permit(token: str, claims: Mapping[str, Any]) -> Permit:
    values: dict[str, Any] = {}
    for name in ("iss", "aud", "ws", "sub", "jti", "req", "action", "payload_sha256"):
        value = claims.get(name)
        shape = _HEX if name == "payload_sha256" else _IDS.get(name)
        if not isinstance(value, str) or not value or (shape and not shape.fullmatch(value)):
            raise PermitRefused(f"The permit's {name} is missing, or none.")
        values[name] = value
    for name in ("rev", "nbf", "exp", "iat"):
        value = claims.get(name)
        if type(value) is not int or value < 0:
            raise PermitRefused(f"The permit's {name} is missing, or none.")
        values[name] = value
    return Permit(**values, token=token)
