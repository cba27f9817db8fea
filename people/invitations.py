"""Invitations: somebody becomes a person of a workspace, and gets a link to set their first password.

Who is a user of the server already, and came before, keeps password and name: they get a notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from audit import kinds
from audit.actor import Actor
from audit.log import record
from people import administrators, errors, links
from people.links import Handed, Kind, Made
from people.models import AccountLink, Person, User, Workspace
from people.roles import grant_role
from people.services import create_person, deactivate_person


@dataclass(frozen=True, slots=True)
class Invited:
    """Who was invited, and how they hear of it.

    ``made`` carries the link's address where it may be shown.  ``notice``: they come already, with a
    password of their own.  ``proven`` is false where it was never shown that whoever signs in with
    their address also reads its mail.
    """

    person: Person
    made: Made
    notice: bool
    proven: bool


@transaction.atomic
def invite(
    *,
    actor: Actor,
    workspace: Workspace,
    email: str,
    name: str = "",
    roles: Iterable[str] = (),
    show: bool = False,
) -> Invited:
    """Make somebody a person of the workspace, with roles at once, and tell them.

    Args:
        name: only for an address that is new to the server.
        show: whether to show the link beside mailing it; it is shown, too, where no mail is sent.

    Raises:
        BadEmail, BadText, PersonExists, NoSuchRole: the input names what to change.
    """
    person = create_person(actor=actor, workspace=workspace, email=email, name=name)
    for role in dict.fromkeys(roles):
        grant_role(actor=actor, workspace=workspace, role=role, person=person)
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    if has_come(user):
        made = links.make(actor=actor, kind=Kind.NOTICE, user=user, person=person)
        return Invited(person, made, notice=True, proven=is_proven(user))
    return Invited(person, _link(actor, person, user, show), notice=False, proven=True)


@transaction.atomic
def invite_again(*, actor: Actor, person: Person, show: bool = False) -> Made:
    """Another link in place of the one before, which ends.

    Raises:
        NotInvited: they came before, or are not active.
    """
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    if has_come(user) or not Person.objects.filter(id=person.id, active=True).exists():
        raise errors.NotInvited(email=user.email)
    return _link(actor, person, user, show)


@transaction.atomic
def take_back(*, actor: Actor, person: Person) -> None:
    """Withdraw an invitation that nobody accepted: the link ends, and the person with it.

    Raises:
        NotInvited: they came before, or it was taken back.
    """
    # Workspace, person, user: in this order wherever somebody is deactivated.
    administrators.keep_one(actor=actor, person=person)
    Person.objects.select_for_update(no_key=True).get(id=person.id)
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    open_ones = AccountLink.objects.filter(person=person, kind=Kind.INVITATION, ended_at=None)
    if has_come(user) or not open_ones.filter(used_at=None).exists():
        raise errors.NotInvited(email=user.email)
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.InvitationWithdrawn(),
    )
    deactivate_person(actor=actor, person=person)


def has_come(user: User) -> bool:
    """Whether they have a password, or ever signed in by other means."""
    return user.has_usable_password() or user.last_login is not None


def is_proven(user: User) -> bool:
    """Whether a link that went by mail alone was used: then who signs in once read the user's mail.

    A factor that was there before may be somebody else's, who signs in with it still.
    """
    mailed = AccountLink.objects.filter(user=user, handed_to=Handed.NOBODY, used_at__isnull=False)
    before = Authenticator.objects.filter(user=user, created_at__lt=OuterRef("used_at"))
    return mailed.exclude(Exists(before)).exists()


def may_show(actor: Actor, user: User, person: Person) -> Handed:
    """Whom a link of this user may be shown to, of those who would be; nobody where it goes by mail alone."""
    if actor.kind == "operator":
        return Handed.OPERATOR
    elsewhere = links.elsewhere(user.id, person.workspace_id)
    return Handed.NOBODY if elsewhere else Handed.ADMINISTRATOR


def _link(actor: Actor, person: Person, user: User, show: bool) -> Made:
    links.end(Q(person=person, kind=Kind.INVITATION))
    wanted = show or not links.sends_mail()
    handed = may_show(actor, user, person) if wanted else Handed.NOBODY
    made = links.make(actor=actor, kind=Kind.INVITATION, user=user, person=person, handed_to=handed)
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.PersonInvited(mailed=made.mailed, handed_to=handed.value or None),
    )
    return made
