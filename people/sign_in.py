"""Local sign-in: e-mail address and password, throttled, logged, and telling nothing to strangers.

Whoever has a second factor is asked for it before there is a session (`people.second_step`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import login, logout
from django.db import connection
from django.http import HttpRequest, HttpResponse

from audit import kinds
from audit.actor import Actor
from core.emails import normal_email
from core.problems import Problem
from people import factors, passkeys, passwords, throttle
from people.browsers import named
from people.models import Person, User
from people.telling import from_address, tell

MAX_EMAIL: Final = 254
#: Every failure takes as long, whatever was wrong: more than any of them needs.
FAILURE_TAKES_S: Final = 0.3
_BACKEND: Final = "people.backends.UserBackend"
#: In the state of django-allauth's `Login`: how it began.
BY: Final = "by"

_OPEN: Final = """
INSERT INTO people_session (id, user_id, session_key, by, factor, signed_in_at, proved_at, last_seen_at, address,
                            browser)
VALUES (core_uuid7(), %(user)s, %(key)s, %(by)s, %(factor)s, clock_timestamp(), clock_timestamp(),
        clock_timestamp(), %(address)s, %(browser)s)
ON CONFLICT (session_key) DO UPDATE
   SET by = excluded.by, factor = excluded.factor, signed_in_at = excluded.signed_in_at,
       proved_at = excluded.proved_at, last_seen_at = excluded.last_seen_at, address = excluded.address,
       browser = excluded.browser
"""


#: Sessions that are over, so many at each sign-in; whichever others delete meanwhile are theirs.
_FORGET: Final = """
DELETE FROM django_session WHERE session_key IN (
    SELECT session_key FROM django_session WHERE expire_date <= clock_timestamp()
     ORDER BY expire_date LIMIT 200 FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody proved who they are: ``by`` what, and with which second factor."""

    by: str
    factor: str | None = None


def sign_in(
    request: HttpRequest, *, email: str, password: str, address: str, code: str = ""
) -> User:
    """Sign somebody in at once: the session is theirs from now on, under a new id.

    Args:
        request: with its session; what it held of another user is dropped.
        email: as typed.
        password: as typed.
        address: the caller's network address, as the door established it.
        code: of an app, or a recovery code, where they have a second factor.

    Raises:
        Problem: 401 in the same words, after the same time, for an unknown address, a wrong
            password, and somebody who is nowhere active; 401 ``second_factor_needed`` or
            ``second_factor_failed``; 429 after too many of them.
    """
    user = authenticate(email=email, password=password, address=address)
    factor = None
    if factors.has_any(user.id):
        if not code:
            raise _needed()
        factor = factors.check_code(user, code, purpose=passkeys.SIGN_IN)
    open_session(request, user, Proof("password", factor), address=address)
    return user


def begin(
    request: HttpRequest, *, email: str, password: str, address: str, there: str
) -> HttpResponse:
    """The same on pages: where to go next, which is `there` or the second step.

    Raises:
        Problem: 401 and 429 as `sign_in`, of address and password.
    """
    user = authenticate(email=email, password=password, address=address)
    return _perform(request, user, "password", there)


def sign_in_by_passkey(
    request: HttpRequest, *, challenge: str, answer: Mapping[str, Any], there: str
) -> HttpResponse:
    """Sign in with a passkey alone: having it is one factor, what its device asked for the other.

    Raises:
        Problem: 401 in the same words for a passkey of nobody and for somebody who is nowhere active.
    """
    _must_be_open("passkey")
    user = factors.check_passkey(None, purpose=passkeys.PASSKEY, challenge=challenge, answer=answer)
    if not may_sign_in(user):
        raise factors.wrong_passkey()
    return _perform(request, user, "passkey", there)


def _perform(request: HttpRequest, user: User, by: str, there: str) -> HttpResponse:
    made = Login(user=user, redirect_url=there, state={BY: by})
    answer: HttpResponse = perform_login(request, made)
    return answer


def open_session(request: HttpRequest, user: User, proof: Proof, *, address: str) -> None:
    """Make the session theirs, under a new id, and say so in the log: the only way in."""
    login(request, user, backend=_BACKEND)
    if request.session.session_key is None:  # it held somebody else's: all of that is gone
        request.session.save()
    values = {
        "user": user.id,
        "key": request.session.session_key,
        "by": proof.by,
        "factor": proof.factor or "",
        "address": throttle.plain(address),
        "browser": named(request.META.get("HTTP_USER_AGENT", "")),
    }
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, values)
        cursor.execute(_FORGET)
    tell(user, kinds.SignedIn(by=proof.by, factor=proof.factor), from_address(address))


def authenticate(*, email: str, password: str, address: str) -> User:
    """The user whose address and password these are; see `sign_in`, which also opens the session."""
    _must_be_open("password")
    started = time.monotonic()
    tried = throttle.begin(
        account=normal_email(passwords.storable(email))[:MAX_EMAIL], address=address
    )
    user = User.objects.filter(email=tried.account).first()
    reason = _fault(user, passwords.storable(password))
    if user is None or reason is not None:
        if user is not None:
            failed = kinds.SignInFailed(reason=reason or "password")
            tell(user, failed, from_address(address), actor=Actor.system("sign_in"))
        _pass_time(started)
        raise Problem(
            401,
            "sign_in_failed",
            "Sign-in failed",
            "E-mail address or password is wrong.",
            headers={"WWW-Authenticate": "Session"},
        )
    throttle.forgive(tried, user.id)
    return user


def _must_be_open(by: str) -> None:
    """Whoever runs the provider decides who gets in, where the operator says that it alone is asked."""
    if settings.OIDC is not None and settings.OIDC.only:
        raise Problem(
            403,
            "provider_only",
            f"{by.capitalize()} sign-in is off",
            f"Nobody signs in with a {by} here: use the identity provider.",
        )


def may_sign_in(user: User) -> bool:
    """Whether somebody is active, and a person somewhere."""
    return user.is_active and Person.objects.filter(user=user, active=True).exists()


def right_password(user: User, password: str, *, address: str) -> bool:
    """Whether this is the password of somebody who is signed in; counted like any other try.

    Raises:
        Problem: 429 after too many.
    """
    started = time.monotonic()
    tried = throttle.begin(account=user.email, address=address)
    if len(password) > passwords.LONGEST or not user.check_password(passwords.storable(password)):
        _pass_time(started)
        return False
    throttle.forgive(tried, user.id)
    return True


def sign_out(request: HttpRequest) -> None:
    """End this session; nothing happens where there is none."""
    if isinstance(request.user, User):
        tell(request.user, kinds.SignedOut())
    logout(request)


def _needed() -> Problem:
    return Problem(
        401,
        "second_factor_needed",
        "Second factor needed",
        "Send `code` as well: what the authenticator app shows now, or a recovery code. "
        "Whoever has only passkeys signs in on the page.",
        headers={"WWW-Authenticate": "Session"},
    )


def record_failure(user: User, *, reason: str, address: str) -> None:
    """Tell that somebody tried to sign in as this user, by other means than a password."""
    failed = kinds.SignInFailed(reason=reason)
    tell(user, failed, from_address(address), actor=Actor.system("sign_in"))


def _fault(user: User | None, password: str) -> str | None:
    """Why this is no sign-in, after the work of one password check whoever it is."""
    if len(password) > passwords.LONGEST:
        return "password"
    if user is None:
        User().set_password(password)
        return "unknown"
    if not user.check_password(password):
        return "password"
    return None if may_sign_in(user) else "inactive"


def _pass_time(started: float) -> None:
    # A connection that sleeps is one that others wait for.
    if not connection.in_atomic_block:
        connection.close()
    time.sleep(max(0.0, started + FAILURE_TAKES_S - time.monotonic()))
