"""A user's second factors: an authenticator app (TOTP), passkeys, and recovery codes for bad days.

django-allauth keeps them and does the arithmetic; here are the rules.  A code of an app counts once,
for whatever it was given, and every change is an event in the log of each of the user's workspaces.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.db import transaction

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment
from core.clock import ClockTimestamp
from core.problems import Problem, conflict, not_found
from people import code_throttle, passkeys
from people.links import About, warn
from people.mfa_adapter import Adapter, secrets_of
from people.models import User
from people.services import visible_text
from people.signing_out import end_sessions
from people.telling import tell

Kind = Authenticator.Type
#: What a user has beside the password; recovery codes are no factor of their own.
FACTORS: Final = (Kind.TOTP, Kind.WEBAUTHN)
#: In the log, on pages and in the API.
NAMES: Final[Mapping[str, str]] = {
    Kind.TOTP: "totp",
    Kind.WEBAUTHN: "passkey",
    Kind.RECOVERY_CODES: "recovery_code",
}
MOST_PASSKEYS: Final = 20
MAX_NAME: Final = 60
MAX_CODE: Final = 20


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey, as its owner knows it."""

    id: int
    name: str
    since: datetime
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """What a user has set up."""

    totp: Authenticator | None
    passkeys: tuple[Passkey, ...]
    #: How many recovery codes are left; None: there are none at all.
    recovery_left: int | None

    @property
    def any(self) -> bool:
        """Whether a second factor is asked for."""
        return self.totp is not None or bool(self.passkeys)


def held(user: User) -> Held:
    """The factors of a user."""
    found = list(Authenticator.objects.filter(user=user).order_by("id"))
    recovery = next((one for one in found if one.type == Kind.RECOVERY_CODES), None)
    with secrets_of(user.id):
        left = None if recovery is None else len(RecoveryCodes(recovery).get_unused_codes())
    return Held(
        totp=next((one for one in found if one.type == Kind.TOTP), None),
        passkeys=tuple(
            Passkey(one.id, one.data["name"], one.created_at, one.last_used_at)
            for one in found
            if one.type == Kind.WEBAUTHN
        ),
        recovery_left=left,
    )


def has_any(user: UUID) -> bool:
    """Whether somebody is asked for a second factor."""
    return bool(Authenticator.objects.filter(user_id=user, type__in=FACTORS).exists())


# -- setting up --------------------------------------------------------------------------------------
def new_secret() -> str:
    """A secret for an authenticator app, in base32; nothing is set up with it yet."""
    return str(generate_totp_secret())


def app_url(user: User, secret: str) -> str:
    """The address that authenticator apps read such a secret from."""
    return str(Adapter().build_totp_url(user, secret))


def app_picture(url: str) -> str:
    """That address as a picture to point a phone at: SVG."""
    return str(Adapter().build_totp_svg(url))


@transaction.atomic
def add_totp(*, actor: Actor | None = None, user: User, secret: str, code: str) -> list[str] | None:
    """Set up an authenticator app that shows this code now, instead of one that there was.

    Returns:
        the recovery codes, where these are the first ones: shown once.

    Raises:
        Problem: 422 the code is not the one that the app should show.
    """
    _lock(user)
    counter = _counter(secret, code, after=-1)
    if counter is None:
        raise Problem(
            422,
            "wrong_code",
            "Wrong code",
            "That is not the code of this moment. Check the clock of your device, and type the code it shows now.",
        )
    Authenticator.objects.filter(user=user, type=Kind.TOTP).delete()
    with secrets_of(user.id):
        made = TOTP.activate(user, secret).instance
    made.data["counter"] = counter
    made.save(update_fields=["data"])
    tell(user, kinds.FactorAdded(factor="totp"), actor=actor)
    warn(user, About.TOTP)
    return _first_codes(user, actor)


def add_passkey(
    *, actor: Actor | None = None, user: User, name: str, challenge: str, answer: Mapping[str, Any]
) -> list[str] | None:
    """Keep a passkey that was made for a challenge; the recovery codes, where these are the first ones.

    Raises:
        Problem: 409 there are too many, or it is there already; 422 the name, or what the browser sent.
    """
    try:
        called = visible_text(name, limit=MAX_NAME)
    except ValueError as error:
        raise Problem(422, "bad_name", "Bad name", f"The name: {error}") from error
    try:
        made = passkeys.made(user, challenge, answer)
    except passkeys.Refused as error:
        raise _not_made() from error
    with transaction.atomic():
        _lock(user)
        others = Authenticator.objects.filter(user=user, type=Kind.WEBAUTHN)
        if others.count() >= MOST_PASSKEYS:
            raise conflict("too_many_passkeys", f"There are {MOST_PASSKEYS}: remove one first.")
        if any(one.data["credential"].get("rawId") == made["rawId"] for one in others):
            raise conflict("passkey_exists", "That passkey is set up already.")
        WebAuthn.add(user, called, made)
        commits = {"name": Commitment(called.encode())}
        tell(user, kinds.FactorAdded(factor="passkey"), commits, actor=actor)
        warn(user, About.PASSKEY)
        return _first_codes(user, actor)


@transaction.atomic
def new_codes(*, actor: Actor | None = None, user: User) -> list[str]:
    """New recovery codes; those of before are worth nothing any more.

    Raises:
        Problem: 409 there is no factor that they could stand in for.
    """
    _lock(user)
    if not has_any(user.id):
        raise conflict(
            "no_factor", "Recovery codes stand in for a second factor: set one up first."
        )
    Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).delete()
    warn(user, About.CODES)
    return _codes(user, actor)


def _first_codes(user: User, actor: Actor | None) -> list[str] | None:
    if Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).exists():
        return None
    return _codes(user, actor)


def _codes(user: User, actor: Actor | None) -> list[str]:
    with secrets_of(user.id):
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    tell(user, kinds.RecoveryCodesMade(count=len(codes)), actor=actor)
    return codes


# -- taking away -------------------------------------------------------------------------------------
@transaction.atomic
def remove(*, actor: Actor | None = None, user: User, factor: int) -> None:
    """Take one factor away; with the last one, the recovery codes go too.

    Raises:
        Problem: 404 it is none of theirs.
    """
    _lock(user)
    found = Authenticator.objects.filter(user=user, id=factor, type__in=FACTORS).first()
    if found is None:
        raise not_found()
    found.delete()
    commits = {"name": Commitment(found.data["name"].encode())} if "name" in found.data else {}
    tell(user, kinds.FactorRemoved(factor=NAMES[found.type]), commits, actor=actor)
    warn(user, About.FACTOR_GONE)
    if not has_any(user.id):
        Authenticator.objects.filter(user=user).delete()


@transaction.atomic
def remove_all(*, actor: Actor, user: User) -> list[str]:
    """Take every factor of a user away, and end their sessions; which there were.

    For somebody who lost them all: whoever holds the lost device is out as well.
    """
    _lock(user)
    found = list(Authenticator.objects.filter(user=user).order_by("id"))
    for one in found:
        tell(user, kinds.FactorRemoved(factor=NAMES[one.type]), actor=actor)
    Authenticator.objects.filter(user=user).delete()
    if found:
        warn(user, About.FACTORS_GONE)
    end_sessions(user=user)
    return [NAMES[one.type] for one in found]


# -- looking -----------------------------------------------------------------------------------------
def check_code(user: User, code: str, *, purpose: str, recovery: bool = True) -> str:
    """Which factor this code is of; it is used up then.

    Args:
        purpose: what it was given for, as `people.passkeys` calls it; for the log.
        recovery: whether a recovery code will do.

    Raises:
        Problem: 401 in the same words whatever was wrong; 429 after too many of them.
    """
    tried = code_throttle.begin(user.id)
    typed = "".join(code.split()).replace("-", "")[:MAX_CODE]
    found = _use(user, typed, recovery=recovery)
    if found is None:
        refuse(user, factor="code", purpose=purpose)
        raise wrong_code()
    code_throttle.forgive(tried)
    return found


def check_passkey(
    user: User | None,
    *,
    purpose: str,
    challenge: str,
    answer: Mapping[str, Any],
    about: bytes = b"",
) -> User:
    """Whose passkey answered this challenge; `people.passkeys.answered`, with what it refuses told.

    Raises:
        Problem: 401 in the same words whatever was wrong.
    """
    try:
        return passkeys.answered(user, purpose, challenge, answer, about)
    except passkeys.Refused as error:
        if user is not None:
            refuse(user, factor="passkey", purpose=purpose)
        raise wrong_passkey() from error


def refuse(user: User, *, factor: str, purpose: str) -> None:
    """Tell the user's workspaces that a factor was wrong."""
    refused = kinds.FactorRefused(factor=factor, purpose=purpose)
    tell(user, refused, actor=Actor.system("sign_in"))


def wrong_code() -> Problem:
    """401: the code is not one that counts."""
    return _wrong("The code is wrong, or was used before. A code of an app counts once.")


def wrong_passkey() -> Problem:
    """401: the passkey's answer does not count."""
    return _wrong("The passkey was not accepted. Try again.")


def _wrong(detail: str) -> Problem:
    return Problem(
        401,
        "second_factor_failed",
        "Second factor failed",
        detail,
        headers={"WWW-Authenticate": "Session"},
    )


def _not_made() -> Problem:
    detail = "The passkey was not accepted. Try again; a device that asks for no PIN or fingerprint will not do."
    return Problem(422, "passkey_refused", "Passkey refused", detail)


@transaction.atomic
def _use(user: User, typed: str, *, recovery: bool) -> str | None:
    """Which kind of code it is, used up under the lock of its row; None: none that counts."""
    rows = Authenticator.objects.select_for_update().filter(
        user=user, type__in=(Kind.TOTP, Kind.RECOVERY_CODES)
    )
    by_kind = {one.type: one for one in rows.order_by("id")}
    with secrets_of(user.id):
        app = by_kind.get(Kind.TOTP)
        if app is not None:
            secret = Adapter().decrypt(app.data["secret"])
            counter = _counter(secret, typed, after=app.data.get("counter", -1))
            if counter is not None:
                app.data["counter"] = counter
                app.last_used_at = ClockTimestamp()
                app.save(update_fields=["data", "last_used_at"])
                return NAMES[Kind.TOTP]
        codes = by_kind.get(Kind.RECOVERY_CODES)
        if recovery and codes is not None and RecoveryCodes(codes).validate_code(typed):
            codes.refresh_from_db()
            left = len(RecoveryCodes(codes).get_unused_codes())
            Authenticator.objects.filter(id=codes.id).update(last_used_at=ClockTimestamp())
            tell(user, kinds.RecoveryCodeUsed(left=left))
            warn(user, About.CODE_USED)
            return NAMES[Kind.RECOVERY_CODES]
    return None


def _counter(secret: str, typed: str, *, after: int) -> int | None:
    """The time step that shows this code now, later than one that was used; None: none does."""
    if not (typed.isascii() and typed.isdecimal()):
        return None
    for counter in yield_hotp_counters_from_time():
        shown = format_hotp_value(hotp_value(secret, counter))
        if hmac.compare_digest(shown, typed) and counter > after:
            return int(counter)
    return None


def _lock(user: User) -> None:
    """One change of a user's factors at a time."""
    User.objects.select_for_update(no_key=True).get(id=user.id)
