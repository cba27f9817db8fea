"""Links that set a password: an invitation's and a reset's.  They open a page, and one press uses them up.

A token is 256 bits, made anew for each link, and bound to the user's password and sessions: a change of
either ends every link that was made before.  Only its hash is stored, so who mails it makes it again.

A link may be shown to an administrator to hand over.  Whoever holds it can become its user, so it is
shown, and works, only while the user is in no other workspace: nobody who administers one workspace
takes over somebody of another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from audit import kinds
from audit.actor import Actor
from core import durations
from core.clock import ClockTimestamp
from core.due import INSERT_DUE, WITHDRAW_DUE, Promise, due_rows
from core.nudge import nudger
from core.problems import gone
from people import passwords
from people.models import AccountLink, Person, User
from people.signing_out import end_sessions
from people.telling import from_address, tell

PATH: Final = "/account/"
INVITATION_LIVES: Final = timedelta(days=7)
RESET_LIVES: Final = timedelta(hours=1)
#: The due kind that mails one (`notifications.mail.accounts`); the subject is the link.
MAIL: Final = "account.mail"
#: Resets that nobody used are forgotten so long after they ended; warnings so long after they were made.
FORGOTTEN_AFTER: Final = timedelta(days=30)

Kind = AccountLink.Kind
About = AccountLink.About
Handed = AccountLink.Handed
Mailed = AccountLink.Mailed


@dataclass(frozen=True, slots=True)
class Made:
    """A link that was made: its address where it is to be shown, else None; and whether a mail goes out."""

    id: UUID
    url: str | None
    mailed: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link opens, for the page that it leads to."""

    id: UUID
    kind: str
    user: UUID
    email: str
    name: str
    workspace: str


def token_of(link: UUID, user: User) -> str:
    """The token of a link as the user stands now: 43 characters."""
    about = f"account {link.hex} {user.session_generation} {user.password}"
    raw = hmac.digest(settings.SECRET_KEY.encode(), about.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def url(token: str) -> str:
    """Where it leads, under the configured base address and nothing else."""
    return f"{settings.BASE_URL}{PATH}{token}"


def sends_mail() -> bool:
    """Whether this server sends mail at all."""
    return settings.SMTP is not None


def elsewhere(user: UUID, workspace: UUID) -> bool:
    """Whether the user is, or was, a person of any other workspace."""
    return Person.objects.filter(user_id=user).exclude(workspace_id=workspace).exists()


def make(
    *,
    actor: Actor,
    kind: Kind,
    user: User,
    person: Person | None,
    handed_to: Handed = Handed.NOBODY,
    mail: bool = True,
) -> Made:
    """Write a link, and the promise to mail it, in the caller's transaction; the caller tells the log.

    Args:
        user: held by the caller (``select_for_update``).
        person: whose workspace it is made in; none: it is of no workspace.
        handed_to: whom the caller shows the address to; it is in the answer only then.
        mail: whether it is to be mailed; it is where the server sends mail.
    """
    mails = mail and sends_mail()
    lives = {Kind.INVITATION: INVITATION_LIVES, Kind.RESET: RESET_LIVES}.get(kind)
    link = AccountLink(
        kind=kind,
        user=user,
        workspace_id=None if person is None else person.workspace_id,
        person=person,
        created_by_id=actor.id if person is not None and actor.kind == "person" else None,
        handed_to=handed_to,
        mailed=Mailed.PENDING if mails else Mailed.NONE,
    )
    now = _now()
    token = "" if lives is None else token_of(link.id, user)
    if lives is not None:
        link.token_hash = hashed(token)
        link.expires_at = now + durations.scaled(lives)
    link.save(force_insert=True)
    _forget(now)
    if mails:
        _promise(link, now)
    shown = url(token) if token and handed_to else None
    return Made(link.id, shown, mails, link.expires_at)


def warn(user: User, about: About) -> None:
    """Mail a user what was changed of how they sign in, in the caller's transaction: it may not have been them.

    Nothing where the server sends no mail.
    """
    if not sends_mail():
        return
    now = _now()
    _forget(now)
    warning = AccountLink(kind=Kind.WARNING, about=about, user=user, mailed=Mailed.PENDING)
    warning.save(force_insert=True)
    _promise(warning, now)


def _forget(now: datetime) -> None:
    """Resets that nobody used, and warnings, of long ago."""
    AccountLink.objects.filter(
        Q(kind=Kind.RESET, used_at=None, expires_at__lt=now - FORGOTTEN_AFTER)
        | Q(kind=Kind.WARNING, created_at__lt=now - FORGOTTEN_AFTER)
    ).delete()


def _promise(link: AccountLink, now: datetime) -> None:
    workspace = link.workspace_id
    if workspace is None:  # a promise is kept for a workspace; any of theirs will do
        first = Person.objects.filter(user_id=link.user_id).order_by("-active", "id").first()
        if first is None:
            return
        workspace = first.workspace_id
    with connection.cursor() as cursor:
        promises = [Promise(MAIL, workspace, link.id, now)]
        cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(promises))
    transaction.on_commit(partial(nudger.nudge, MAIL))


def end(links: Q) -> int:
    """End the links that these conditions name and that wait, in the caller's transaction; how many."""
    found = AccountLink.objects.select_for_update().filter(
        links, kind__in=[Kind.INVITATION, Kind.RESET], used_at=None, ended_at=None
    )
    ended = [one.id for one in found]
    AccountLink.objects.filter(id__in=ended).update(ended_at=ClockTimestamp())
    if ended:
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {WITHDRAW_DUE} SELECT 1", {"due_withdrawn": ended})
    return len(ended)


def find(token: str) -> Opened | None:
    """What a token opens; None where it is over, was used, or is none.  Changes nothing."""
    link = _of(token)
    if link is None or not _live(link, link.user, token, _now()):
        return None
    workspace = link.workspace.name if link.workspace is not None else ""
    return Opened(link.id, link.kind, link.user_id, link.user.email, link.user.name, workspace)


@transaction.atomic
def use(*, token: str, password: str, address: str) -> User:
    """Set the password of the link's user, once; every session and every other link of theirs ends.

    Args:
        address: the caller's network address, as the door established it.

    Raises:
        Problem: 410 ``link_over``.
        WeakPassword: with what is missing; the link can be used still.
    """
    found = _of(token)
    if found is None:
        raise gone("link_over", "This link was used, or is over.")
    # Nobody makes them a person of another workspace meanwhile, and what is judged is what was
    # committed before it.
    user = User.objects.select_for_update(no_key=True).get(id=found.user_id)
    link = AccountLink.objects.select_for_update(of=("self",)).get(id=found.id)
    if not _live(link, user, token, _now()):
        raise gone("link_over", "This link was used, or is over.")
    passwords.check(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user=user)
    if link.kind == Kind.RESET:
        warn(user, About.PASSWORD)
    AccountLink.objects.filter(id=link.id).update(used_at=ClockTimestamp())
    data = kinds.InvitationAccepted() if link.kind == Kind.INVITATION else kinds.PasswordReset()
    tell(user, data, from_address(address), actor=Actor.system("account_link"))
    return user


def _live(link: AccountLink, user: User, token: str, now: datetime) -> bool:
    """Whether the link can be used, by its user as they stand."""
    if link.used_at is not None or link.ended_at is not None or link.token_hash is None:
        return False
    if link.kind == Kind.INVITATION and user.last_login is not None:
        return False  # they came by other means meanwhile
    if link.expires_at is None or link.expires_at <= now or not user.is_active:
        return False
    if not hmac.compare_digest(token_of(link.id, user), token):
        return False
    if link.handed_to == Handed.ADMINISTRATOR and (
        link.workspace_id is None or elsewhere(user.id, link.workspace_id)
    ):
        return False
    active = Person.objects.filter(user=user, active=True)
    return (active if link.person_id is None else active.filter(id=link.person_id)).exists()


def _of(token: str) -> AccountLink | None:
    if len(token) != 43 or not token.isascii():
        return None
    links = AccountLink.objects.select_related("user", "workspace")
    return links.filter(token_hash=hashed(token)).first()


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def hashed(token: str) -> bytes:
    """What is stored of a token, and finds it again."""
    return hashlib.sha256(token.encode()).digest()
