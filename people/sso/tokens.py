"""Whether an id_token is to be believed, and what it says of somebody (OpenID Connect Core 1.0, 3.1.3.7).

Its signature is checked although it came from the provider itself over TLS: a proxy in between is no
provider.  Which algorithms count is said here, and by no token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import compare_digest
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey

from people.sso.client import MOST_BYTES, Client, Tokens
from people.sso.settings import Provider
from people.sso.trouble import Trouble

#: The kind of key that each algorithm needs, and its curve.  Nothing symmetric, and never ``none``.
ALGORITHMS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_KINDS: Final[Mapping[str, type[RSAKey | ECKey | OKPKey]]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
#: How far the provider's clock may be from the database's.
LEEWAY_S: Final = 60
#: A token is made for this sign-in, so it is no older.
OLDEST_S: Final = 600
MOST_SUBJECT: Final = 255
MOST_GROUPS: Final = 2_000
MOST_GROUP_NAME: Final = 200
#: The modulus of an RSA key of 2,048 bits, as keys are written: a shorter one can be broken.
_SHORTEST_MODULUS: Final = 342


class _Registry(jws.JWSRegistry):
    """Only ours, with room for tokens of people in many groups."""

    max_header_length = 8_192
    max_payload_length = MOST_BYTES

    def __init__(self) -> None:
        super().__init__(algorithms=list(ALGORITHMS), strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        # Not the library's: it warns of the name EdDSA, by which most providers call Ed25519.
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


_registry: Final = _Registry()


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says of somebody.

    Attributes:
        email, verified: an address, and whether the provider vouches that it is theirs.
        groups: the names of their groups; empty where it names none.
    """

    issuer: str
    subject: str
    email: str = ""
    verified: bool = False
    name: str = ""
    groups: frozenset[str] = frozenset()


def claims_of(
    client: Client, provider: Provider, tokens: Tokens, *, nonce: str, now: float
) -> Claims:
    """Check the id_token, and read who it is about.

    What it leaves out, address and groups, is asked of the provider's userinfo address.

    Args:
        nonce: the one of this sign-in.
        now: seconds since 1970 by the database's clock.

    Raises:
        Trouble: it is not to be believed (``unproven``), or the provider does not answer (``silent``).
    """
    said = _signed(client, provider, tokens.id_token)
    _check(provider, said, nonce=nonce, now=now)
    subject = said.get("sub")
    if not (
        isinstance(subject, str) and 0 < len(subject) <= MOST_SUBJECT and subject.isprintable()
    ):
        raise _unproven("it names nobody")
    found = _about(provider, subject, said)
    if "email" in said and provider.groups_claim in said:
        return found
    more = client.userinfo(provider, access_token=tokens.access_token)
    if not more:
        return found
    if more.get("sub") != subject:  # Core 5.3.2
        raise Trouble("unproven", "userinfo is about somebody else")
    other = _about(provider, subject, more)
    if "email" not in said:  # the address and whether it is verified, from one source
        found = replace(found, email=other.email, verified=other.verified)
    if provider.groups_claim not in said:
        found = replace(found, groups=other.groups)
    return replace(found, name=found.name or other.name)


def _signed(client: Client, provider: Provider, token: str) -> Mapping[str, Any]:
    """What stands in a token that one of the provider's keys signed."""
    try:
        header = jws.extract_compact(token.encode(), registry=_registry).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise _unproven("it is no signed token") from error
    algorithm, kid = str(header.get("alg")), header.get("kid")
    if algorithm not in ALGORITHMS or "crit" in header:
        raise _unproven("it is signed in a way that is not accepted")
    fitting: list[dict[str, Any]] = []
    for afresh in (False, True):  # keys change: one that is not known is looked for once more
        fitting = [
            one for one in client.keys(provider, afresh=afresh) if _fits(one, algorithm, kid)
        ]
        if fitting:
            break
    for key in fitting:
        said = _verified(token, key, algorithm)
        if said is not None:
            return said
    raise _unproven("no key of the provider signed it")


def _fits(key: Mapping[str, Any], algorithm: str, kid: object) -> bool:
    kind, curve = ALGORITHMS[algorithm]
    return (
        key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and (kid is None or key.get("kid") == kid)
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
        and (kind != "RSA" or len(str(key.get("n")).lstrip("A")) >= _SHORTEST_MODULUS)
    )


def _verified(token: str, key: Mapping[str, Any], algorithm: str) -> dict[str, Any] | None:
    """What stands in the token, if this key signed it."""
    kind = ALGORITHMS[algorithm][0]
    public = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    try:
        read = _KINDS[kind].import_key(public)
        found = jws.deserialize_compact(token.encode(), read, registry=_registry)
        return msgspec.json.decode(found.payload or b"", type=dict[str, Any])
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return None


def _check(provider: Provider, said: Mapping[str, Any], *, nonce: str, now: float) -> None:
    if said.get("iss") != provider.issuer:
        raise _unproven("it is of another issuer")
    audience = said.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if provider.client_id not in audiences:
        raise _unproven("it is for another client")
    party = said.get("azp", provider.client_id if len(audiences) == 1 else None)
    if party != provider.client_id:
        raise _unproven("another client asked for it")
    _check_times(said, now)
    found = said.get("nonce")
    if not (isinstance(found, str) and compare_digest(found.encode(), nonce.encode())):
        raise _unproven("it is not of this sign-in")


def _check_times(said: Mapping[str, Any], now: float) -> None:
    until, since = _seconds(said.get("exp")), _seconds(said.get("iat"))
    not_before = _seconds(said["nbf"]) if "nbf" in said else since
    if now > until + LEEWAY_S:
        raise _unproven("it has expired")
    if since < now - OLDEST_S - LEEWAY_S or max(since, not_before) > now + LEEWAY_S:
        raise _unproven("it was not made now; compare the clocks")


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _unproven("it does not say from when until when it holds")
    return value


def _about(provider: Provider, subject: str, said: Mapping[str, Any]) -> Claims:
    email, name, vouched = (said.get(one) for one in ("email", "name", "email_verified"))
    return Claims(
        issuer=provider.issuer,
        subject=subject,
        email=email if isinstance(email, str) else "",
        # Some providers write it as a string; nothing else means yes.
        verified=vouched is True or vouched == "true",
        name=name if isinstance(name, str) else "",
        groups=_groups(said.get(provider.groups_claim)),
    )


def _groups(claim: object) -> frozenset[str]:
    """The names in a claim; what is none is left out, and too many are none: they open something."""
    listed: Sequence[object] = [claim] if isinstance(claim, str) else []
    if isinstance(claim, list) and len(claim) <= MOST_GROUPS:
        listed = claim
    return frozenset(
        name
        for name in listed
        if isinstance(name, str) and 0 < len(name) <= MOST_GROUP_NAME and name.isprintable()
    )


def _unproven(detail: str) -> Trouble:
    return Trouble("unproven", f"the id_token: {detail}")
