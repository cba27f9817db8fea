"""Which user a subject of the provider is: linked once, by rules that cost an attacker there something.

Afterwards issuer and subject alone say who signs in; what address the provider names plays no role any
more.  docs/threat-model.md has the rules, and what each is against.
"""

from __future__ import annotations

from typing import Final

from django.db import IntegrityError, transaction

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment
from core.clock import ClockTimestamp
from core.emails import normal_email
from people import errors, groups
from people.links import About, warn
from people.models import Identity, Person, User
from people.services import NAME_LIMIT, create_person, visible_text, workspace_by_slug
from people.sso.settings import Provider
from people.sso.tokens import Claims
from people.sso.trouble import Trouble
from people.telling import tell

#: Who links at a first sign-in.
_ACTOR: Final = groups.ACTOR


@transaction.atomic
def identify(*, claims: Claims, provider: Provider) -> User:
    """The user who signs in as this subject, linked now if it is the first time; their roles follow its groups.

    Raises:
        Trouble: nobody may sign in so; nothing was changed.
    """
    identity = _linked(claims)
    if identity is None:
        identity = _link(_found(claims, provider), claims)
    _must_be_active(identity.user)
    return _seen(identity, claims)


@transaction.atomic
def connect(*, claims: Claims, user: User) -> User:
    """Link a user who is signed in, and so has shown that the account is theirs.

    Raises:
        Trouble: the subject belongs to somebody else, or the provider does not vouch for their address.
    """
    _must_be_active(user)
    identity = _linked(claims)
    if identity is None:
        if _address(claims) != user.email:
            raise Trouble("unverified", "another address than the account's", user)
        identity = _link(user, claims)
    if identity.user_id != user.id:
        raise Trouble("linked", "the subject is linked with another user", user)
    return _seen(identity, claims)


@transaction.atomic
def unlink(*, actor: Actor, user: User) -> None:
    """Forget who a user is at the provider; what roles their groups gave them end, and they may be linked again.

    Raises:
        NotLinked: they are linked with nobody.
    """
    # Who links at this moment waits here; who signs in finds no identity when they note their groups.
    User.objects.select_for_update(no_key=True).get(id=user.id)
    deleted, _ = Identity.objects.filter(user=user).delete()
    if not deleted:
        raise errors.NotLinked(email=user.email)
    groups.reconcile_user(actor=actor, user=user)
    _tell(actor, user, kinds.IdentityUnlinked())
    warn(user, About.UNLINKED)


def of_user(user: User) -> Identity | None:
    """Who a user is at the provider, if they are linked."""
    return Identity.objects.filter(user=user).first()


def _linked(claims: Claims) -> Identity | None:
    found = Identity.objects.select_related("user")
    return found.filter(issuer=claims.issuer, subject=claims.subject).first()


def _address(claims: Claims) -> str:
    """The address that the provider vouches for.

    Raises:
        Trouble: there is none.
    """
    if not (claims.email and claims.verified):
        raise Trouble("unverified", "no address that the provider has verified")
    return normal_email(claims.email)


def _found(claims: Claims, provider: Provider) -> User:
    """The user of the address, who was never linked, and has no other way in."""
    email = _address(claims)
    user = User.objects.filter(email=email).first()
    if user is None:
        return _made(email, claims, provider)
    _must_be_active(user)
    if user.has_usable_password() and not provider.only:
        raise Trouble(
            "password", "the account has a password: its owner links it on Settings", user
        )
    return user


def _made(email: str, claims: Claims, provider: Provider) -> User:
    """A new person in the workspace that the operator named, if any."""
    if provider.workspace is None:
        raise Trouble("unknown", "nobody has the address, and people are not made here")
    try:
        name = visible_text(claims.name, limit=NAME_LIMIT)
    except errors.BadText:
        name = ""
    try:
        workspace = workspace_by_slug(provider.workspace)
        return create_person(actor=_ACTOR, workspace=workspace, email=email, name=name).user
    except errors.NoSuchWorkspace as error:
        raise Trouble("unknown", "ASSENTRY_OIDC_WORKSPACE names none") from error
    except errors.PersonExists as error:  # by another sign-in of theirs, at this instant
        raise Trouble("stale", "somebody of this address was made at this instant") from error
    except errors.BadEmail as error:
        raise Trouble("unverified", "the address is none") from error


def _link(user: User, claims: Claims) -> Identity:
    # Two first sign-ins as one user take turns, and the second one sees what the first one did.
    user = User.objects.select_for_update(no_key=True).get(id=user.id)
    if Identity.objects.filter(user=user).exists():
        raise Trouble("linked", "the user is linked with another subject", user)
    try:
        with transaction.atomic():
            identity = Identity.objects.create(
                user=user, issuer=claims.issuer, subject=claims.subject
            )
    except IntegrityError as error:
        raise Trouble("linked", "the subject was linked at this instant", user) from error
    _tell(_ACTOR, user, kinds.IdentityLinked(), claims)
    warn(user, About.LINKED)
    return identity


def _must_be_active(user: User) -> None:
    if not user.is_active or not Person.objects.filter(user=user, active=True).exists():
        raise Trouble("inactive", "the user is nowhere active", user)


def _seen(identity: Identity, claims: Claims) -> User:
    identity.groups = sorted(claims.groups)
    kept = Identity.objects.filter(id=identity.id)
    if not kept.update(groups=identity.groups, last_at=ClockTimestamp()):
        raise Trouble("stale", "the two were unlinked at this instant", identity.user)
    groups.reconcile_user(actor=_ACTOR, user=identity.user)
    return identity.user


def _tell(actor: Actor, user: User, data: kinds.Data, claims: Claims | None = None) -> None:
    """One event in the log of every workspace in which the user is a person."""
    said = f"{claims.issuer} {claims.subject}" if claims else ""
    tell(user, data, {"identity": Commitment(said.encode())} if claims else {}, actor=actor)
