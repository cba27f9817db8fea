"""The sessions of a user: what they see of them, and ending them.

An ended one is gone with Django's row: its next request is nobody's, and what it holds open ends within
a second (`people.alive`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Value
from django.http import HttpRequest

from audit import kinds
from core.clock import ClockTimestamp
from core.nudge import nudger
from core.problems import FieldError, invalid, not_found
from people import passwords
from people.errors import WeakPassword
from people.links import About, warn
from people.models import Person, User, UserSession
from people.services import topic
from people.sessions import LONGEST, Standing
from people.sign_in import right_password
from people.telling import tell

#: How long a password or factor that was given lets its user change factors.
FRESH: Final = timedelta(minutes=5)
#: How old a session may be that decides on high risk.
STRONG_FOR: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Shown:
    """One session, as its user sees it."""

    id: UUID
    this: bool
    by: str
    factor: str
    since: datetime
    last_seen: datetime
    address: str | None
    browser: str


def standing(request: HttpRequest) -> Standing | None:
    """What is known of the session of a call; None: it is no signed-in user's."""
    store: Any = request.session
    found: Standing | None = store.standing
    return found


def proves(request: HttpRequest) -> str:
    """How surely a session says who decides: one that is older than 12 hours no surer than a chat."""
    known = standing(request)
    return "session" if known is not None and known.age <= STRONG_FOR else "chat"


def is_fresh(request: HttpRequest) -> bool:
    """Whether its user gave their password or a factor within the last five minutes."""
    known = standing(request)
    return known is not None and known.proved_ago <= FRESH


def confirmed(request: HttpRequest) -> None:
    """The user gave their password or a factor just now: the session goes on under a new id."""
    _proved(request)
    request.session.cycle_key()


def _proved(request: HttpRequest) -> None:
    known = standing(request)
    if known is not None:
        UserSession.objects.filter(id=known.id).update(proved_at=ClockTimestamp())


def sessions(*, user: User, current: Standing | None) -> list[Shown]:
    """The sessions of a user that still count: the one at hand first, then those seen last."""
    alive = Session.objects.filter(expire_date__gt=ClockTimestamp())
    found = UserSession.objects.filter(
        user=user,
        session_key__in=alive.values("session_key"),
        signed_in_at__gt=ClockTimestamp() - Value(LONGEST),
    ).order_by("-last_seen_at", "-id")
    this = None if current is None else current.id
    shown = [
        Shown(
            id=one.id,
            this=one.id == this,
            by=one.by,
            factor=one.factor,
            since=one.signed_in_at,
            last_seen=one.last_seen_at,
            address=one.address,
            browser=one.browser,
        )
        for one in found
    ]
    return sorted(shown, key=lambda one: not one.this)


@transaction.atomic
def end(*, user: User, session: UUID) -> None:
    """End one session of a user.

    Raises:
        Problem: 404 it is none of theirs.
    """
    found = UserSession.objects.filter(user=user, id=session).first()
    if found is None:
        raise not_found()
    _end(user, [found])


@transaction.atomic
def end_others(*, user: User, current: Standing | None) -> int:
    """End every session of a user but this one; how many there were."""
    found = UserSession.objects.filter(user=user)
    if current is not None:
        found = found.exclude(id=current.id)
    listed = list(found)
    if listed:
        _end(user, listed)
    return len(listed)


def change_password(request: HttpRequest, *, user: User, old: str, new: str, address: str) -> None:
    """Give a user another password, and end every session but this one, which goes on under a new id.

    Raises:
        Problem: 422 the old one is wrong, or the new one too easy; 429 after too many wrong ones.
    """
    if not user.has_usable_password():
        detail = "You have no password here: you sign in elsewhere."
        raise invalid([FieldError("/old", "no_password", detail)])
    if not right_password(user, old, address=address):
        raise invalid([FieldError("/old", "wrong_password", "That is not your password.")])
    try:
        passwords.check(new, user)
    except WeakPassword as error:
        raise invalid([FieldError("/new", "weak_password", str(error))]) from error
    with transaction.atomic():
        # Before the password is another one, so that what is ended is all that there was.
        end_others(user=user, current=standing(request))
        user.set_password(new)
        user.save(update_fields=["password"])
        tell(user, kinds.PasswordChanged())
        warn(user, About.PASSWORD)
        update_session_auth_hash(request, user)
        _proved(request)


def _end(user: User, found: Sequence[UserSession]) -> None:
    Session.objects.filter(session_key__in=[one.session_key for one in found]).delete()
    tell(user, kinds.SessionsEnded(count=len(found)))
    for person in Person.objects.filter(user=user, active=True):
        transaction.on_commit(partial(nudger.wake, topic(person.id)))
