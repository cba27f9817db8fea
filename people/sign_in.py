"""Local sign-in: e-mail address and password, throttled, logged, and telling nothing to strangers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from django.contrib.auth import login, logout
from django.db import connection, transaction
from django.http import HttpRequest

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core.emails import normal_email
from core.problems import Problem
from people import throttle
from people.models import Person, User

CHANNEL: Final = "web"
#: Longer is nobody's password, and hashing it would be somebody's attack.
MAX_PASSWORD: Final = 1_000
MAX_EMAIL: Final = 254
#: Every failure takes as long, whatever was wrong: more than any of them needs.
FAILURE_TAKES_S: Final = 0.3
_BACKEND: Final = "people.backends.UserBackend"


def sign_in(request: HttpRequest, *, email: str, password: str, address: str) -> User:
    """Sign somebody in: the session is theirs from now on, under a new id.

    Args:
        request: with its session; what it held of another user is dropped.
        email: as typed.
        password: as typed.
        address: the caller's network address, as the door established it.

    Raises:
        Problem: 401 in the same words, after the same time, for an unknown address, a wrong
            password, and somebody who is nowhere active; 429 after too many of them.
    """
    user = authenticate(email=email, password=password, address=address)
    login(request, user, backend=_BACKEND)
    return user


def authenticate(*, email: str, password: str, address: str) -> User:
    """The user whose address and password these are; see `sign_in`, which also opens the session."""
    started = time.monotonic()
    tried = throttle.begin(account=normal_email(_storable(email))[:MAX_EMAIL], address=address)
    user = User.objects.filter(email=tried.account).first()
    reason = _fault(user, _storable(password))
    if user is None or reason is not None:
        if user is not None:
            failed = kinds.SignInFailed(reason=reason or "password")
            _tell(user, failed, _from(address), Actor.system("sign_in"))
        _pass_time(started)
        raise Problem(
            401,
            "sign_in_failed",
            "Sign-in failed",
            "E-mail address or password is wrong.",
            headers={"WWW-Authenticate": "Session"},
        )
    throttle.forgive(tried, user.id)
    _tell(user, kinds.SignedIn(), _from(address))
    return user


def sign_out(request: HttpRequest) -> None:
    """End this session; nothing happens where there is none."""
    if isinstance(request.user, User):
        _tell(request.user, kinds.SignedOut(), {})
    logout(request)


def _from(address: str) -> dict[str, Commitment]:
    return {"address": Commitment(address.encode())}


def _storable(text: str) -> str:
    """What PostgreSQL and UTF-8 can carry; nobody's address or password has anything else."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _fault(user: User | None, password: str) -> str | None:
    """Why this is no sign-in, after the work of one password check whoever it is."""
    if len(password) > MAX_PASSWORD:
        return "password"
    if user is None:
        User().set_password(password)
        return "unknown"
    if not user.check_password(password):
        return "password"
    if not user.is_active or not Person.objects.filter(user=user, active=True).exists():
        return "inactive"
    return None


def _tell(
    user: User, data: kinds.Data, commits: Mapping[str, Commitment], actor: Actor | None = None
) -> None:
    """One event in the log of every workspace in which the user is a person."""
    with transaction.atomic():
        for person in Person.objects.filter(user=user).order_by("id"):
            record(
                actor=actor or Actor.person(person.id, channel=CHANNEL),
                workspace=person.workspace_id,
                subject=("per", person.id),
                data=data,
                commits=commits,
            )


def _pass_time(started: float) -> None:
    # A connection that sleeps is one that others wait for.
    if not connection.in_atomic_block:
        connection.close()
    time.sleep(max(0.0, started + FAILURE_TAKES_S - time.monotonic()))
