"""Passkeys and security keys (WebAuthn): asking for an answer, and looking at it.

The user is verified by the device, always.  Where the answer may come from is this server's address,
exactly; a challenge is for one purpose, lives five minutes, and the first answer to it takes it away.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.conf import settings
from django.db import connection, transaction
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from core import ids
from core.clock import ClockTimestamp
from core.problems import too_many
from people import throttle
from people.models import User

#: What a challenge may be for.
ENROL: Final = "enrol"
SIGN_IN: Final = "sign_in"  # as the second step
PASSKEY: Final = "passkey"  # alone, as the whole sign-in
CONFIRM: Final = "confirm"  # before factors are changed
DECIDE: Final = "decide"
PAST_THE_PLAN: Final = "past_the_plan"

LIFETIME: Final = "5 minutes"
#: Open challenges that one address may have made without being signed in.
MOST_OPEN: Final = 50
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_REQUIRED: Final = UserVerificationRequirement.REQUIRED
_MEMBERS: Final = frozenset(
    {"clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"}
)
#: What reading an answer that somebody made up may raise, in fido2 or below it.
_BROKEN: Final = (
    ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError, struct.error
)  # fmt: skip

_MAKE: Final = f"""
INSERT INTO people_challenge (id, user_id, purpose, about, challenge, address, expires_at)
SELECT %(id)s, %(user)s, %(purpose)s, %(about)s, %(challenge)s, %(address)s,
       clock_timestamp() + interval '{LIFETIME}'
 WHERE %(user)s::uuid IS NOT NULL
    OR (SELECT count(*) FROM people_challenge WHERE address = %(address)s AND user_id IS NULL) < {MOST_OPEN}
"""
_FORGET: Final = "DELETE FROM people_challenge WHERE expires_at <= clock_timestamp()"
_TAKE: Final = """
DELETE FROM people_challenge WHERE id = %(id)s
RETURNING challenge, expires_at > clock_timestamp() AND user_id IS NOT DISTINCT FROM %(user)s
                     AND purpose = %(purpose)s AND about = %(about)s
"""


class Refused(ValueError):
    """The answer does not prove that it was this user, here, for this, just now."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A challenge that was made: its id, and what a browser is to be handed."""

    id: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Home:
    """Where answers may come from: the domain that passkeys belong to, and the one origin."""

    domain: str
    origin: str


def home() -> Home:
    """This server's, from its base URL.

    A passkey belongs to a name, never to an address: on loopback that name is ``localhost``, and the
    pages must be open there.
    """
    parts = urlsplit(settings.BASE_URL)
    host = parts.hostname or ""
    if parts.scheme == "http" and host in _LOOPBACK:
        port = f":{parts.port}" if parts.port else ""
        return Home("localhost", f"http://localhost{port}")
    return Home(host, f"{parts.scheme}://{parts.netloc}")


def digest(*parts: object) -> bytes:
    """What a challenge is about, as 32 bytes: every part counts, and where it ends."""
    return hashlib.sha256(repr([str(part) for part in parts]).encode()).digest()


def ask_new(user: User) -> Asked:
    """Ask for a new passkey; those that are there already are named, so that none is made twice."""
    challenge = os.urandom(32)
    options, _ = _server().register_begin(
        PublicKeyCredentialUserEntity(
            id=user.id.bytes, name=user.email, display_name=user.name or user.email
        ),
        credentials=_credentials(user.id),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=_REQUIRED,
        challenge=challenge,
        extensions={"credProps": True},
    )
    return Asked(_make(challenge, user.id, ENROL, b"", None), dict(options)["publicKey"])


def made(user: User, challenge: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Look at a new passkey that was made for this challenge.

    Returns:
        what of the answer is kept.

    Raises:
        Refused: it was not, or by nobody whom the device verified.
    """
    state = _state(_take(challenge, user.id, ENROL, b""))
    try:
        texts = _texts(answer)
        data = _server().register_complete(state, RegistrationResponse.from_dict(texts))
    except _BROKEN as error:
        raise Refused(str(error)) from error
    if data.credential_data is None:
        raise Refused("no key came with it")
    return texts


def ask(
    user: User | None, purpose: str, about: bytes = b"", *, address: str | None = None
) -> Asked:
    """Ask a user to sign with one of their passkeys; whoever has one, where nobody is named.

    Raises:
        Problem: 429 where one address asks without end.
    """
    challenge = os.urandom(32)
    options, _ = _server().authenticate_begin(
        credentials=_credentials(user.id) if user else [],
        user_verification=_REQUIRED,
        challenge=challenge,
    )
    owner = user.id if user else None
    network = None if address is None else throttle.network(address)
    made = _make(challenge, owner, purpose, about, network)
    return Asked(made, dict(options)["publicKey"])


@transaction.atomic
def _verified(owner: UUID, state: dict[str, Any], parsed: AuthenticationResponse) -> Authenticator:
    """The authenticator that signed; its count of signatures never goes back."""
    held = {
        _data(one).credential_id: one
        for one in Authenticator.objects.select_for_update().filter(
            user_id=owner, type=Authenticator.Type.WEBAUTHN
        )
    }
    try:
        signed = _server().authenticate_complete(
            state, [_data(one) for one in held.values()], parsed
        )
    except _BROKEN as error:
        raise Refused(str(error)) from error
    authenticator = held[signed.credential_id]
    count, before = parsed.response.authenticator_data.counter, _count(authenticator)
    # A device that does not count says 0, always; one that went back was copied.
    if (count or before) and count <= before:
        raise Refused("the count of signatures went back")
    authenticator.data["sign_count"] = count
    authenticator.last_used_at = ClockTimestamp()
    authenticator.save(update_fields=["data", "last_used_at"])
    return authenticator


def answered(
    user: User | None, purpose: str, challenge: str, answer: Mapping[str, Any], about: bytes = b""
) -> User:
    """Who answered a challenge: the user it was made for, or whose passkey it is.

    Raises:
        Refused: another origin, purpose or user, a challenge that was answered or is too old, a user
            whom the device did not verify, a count of signatures that went back.
    """
    state = _state(_take(challenge, user.id if user else None, purpose, about))
    try:
        parsed = AuthenticationResponse.from_dict(_texts(answer))
        handle = bytes(parsed.response.user_handle or b"")
    except _BROKEN as error:
        raise Refused(str(error)) from error
    if user is None:
        user = _by_handle(handle)
    elif handle and handle != user.id.bytes:
        raise Refused("it is somebody else's")
    _verified(user.id, state, parsed)
    return user


def _texts(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The members that count, each a text: of a number fido2 would make so many bytes."""
    response = answer.get("response")
    known = {name: answer.get(name) for name in ("id", "rawId", "type")}
    if not isinstance(response, Mapping):
        raise Refused("it is no answer of a browser")
    told = {name: text for name, text in response.items() if name in _MEMBERS and text is not None}
    if not all(isinstance(text, str) for text in (*known.values(), *told.values())):
        raise Refused("it is no answer of a browser")
    return known | {"response": told}


def _by_handle(handle: bytes) -> User:
    try:
        found = User.objects.filter(id=UUID(bytes=handle)).first()
    except ValueError as error:
        raise Refused("it names no user") from error
    if found is None:
        raise Refused("it names no user")
    return found


def _server() -> Fido2Server:
    where = home()
    entity = PublicKeyCredentialRpEntity(id=where.domain, name="Assentry")
    return Fido2Server(entity, verify_origin=lambda origin: origin == where.origin)


def _make(
    challenge: bytes, user: UUID | None, purpose: str, about: bytes, address: str | None
) -> str:
    named = ids.uuid7()
    values = {
        "id": named,
        "user": user,
        "purpose": purpose,
        "about": about,
        "challenge": challenge,
        "address": address or None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)
        cursor.execute(_MAKE, values)
        if cursor.rowcount == 0:
            raise too_many("Too many at once. Wait a few minutes.", retry_after_s=300)
    return str(named)


def _take(challenge: str, user: UUID | None, purpose: str, about: bytes) -> bytes:
    """The challenge, which is gone from now on, whatever becomes of the answer."""
    try:
        named = UUID(challenge)
    except ValueError as error:
        raise Refused("it answers no challenge") from error
    values = {"id": named, "user": user, "purpose": purpose, "about": about}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        row = cursor.fetchone()
    if row is None or not row[1]:
        raise Refused("the challenge was for something else, was answered, or is too old")
    return bytes(row[0])


def _state(challenge: bytes) -> dict[str, Any]:
    """As fido2 wants it, which makes it of nothing else."""
    state: dict[str, Any] = Fido2Server._make_internal_state(challenge, _REQUIRED)
    return state


def _data(authenticator: Authenticator) -> AttestedCredentialData:
    data = _attested(authenticator).credential_data
    assert data is not None  # noqa: S101  # `made` looked
    return data


def _attested(authenticator: Authenticator) -> AuthenticatorData:
    kept: AuthenticatorData = WebAuthn(authenticator).authenticator_data
    return kept


def _count(authenticator: Authenticator) -> int:
    kept = authenticator.data.get("sign_count")
    return int(_attested(authenticator).counter if kept is None else kept)


def _credentials(user: UUID) -> list[AttestedCredentialData]:
    found = Authenticator.objects.filter(user_id=user, type=Authenticator.Type.WEBAUTHN)
    return [_data(one) for one in found]
