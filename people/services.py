"""Workspaces and the people in them: every write, with its event in the same transaction."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core.clock import ClockTimestamp
from core.emails import normal_email
from core.nudge import nudger
from people import administrators, errors, links, passwords
from people.models import Membership, Person, User, Workspace
from people.permissions import grant_permission
from people.signing_out import end_sessions

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")
NAME_LIMIT = 120
EMAIL_LIMIT = 254


def topic(person: UUID) -> str:
    """What streams of a person wake on (`core.nudge`): somebody lost or gained something."""
    return f"p:{person.hex}"


def wake_after_commit(person: UUID) -> None:
    """Make whatever this person has open look again at what they may see."""
    transaction.on_commit(partial(nudger.wake, topic(person)))


def workspace_by_slug(slug: str) -> Workspace:
    """The workspace of this slug.

    Raises:
        NoSuchWorkspace: there is none.
    """
    try:
        return Workspace.objects.get(slug=slug)
    except Workspace.DoesNotExist:
        raise errors.NoSuchWorkspace(slug=slug) from None


def person_by_email(workspace: Workspace, email: str) -> Person:
    """The person with this address (any spelling of it) in the workspace, active or not.

    Raises:
        NoSuchPerson: there is none.
    """
    try:
        return Person.objects.select_related("user").get(
            workspace=workspace, user__email=normal_email(email)
        )
    except Person.DoesNotExist:
        raise errors.NoSuchPerson(email=email, slug=workspace.slug) from None


def visible_text(text: str, *, limit: int) -> str:
    """The text without outer space; refused when empty, too long or with invisible characters.

    Raises:
        BadText: as said.
    """
    text = unicodedata.normalize("NFC", text).strip()
    hidden = any(unicodedata.category(character).startswith("C") for character in text)
    if not text or len(text) > limit or hidden:
        raise errors.BadText(limit=limit)
    return text


@transaction.atomic
def create_workspace(*, actor: Actor, slug: str, name: str = "") -> Workspace:
    """A new, empty tenant; its name is the slug unless one is given.

    Raises:
        BadSlug, SlugTaken, BadText: the input names what to change.
    """
    if _SLUG.fullmatch(slug) is None:
        raise errors.BadSlug(slug=slug)
    shown = visible_text(name or slug, limit=NAME_LIMIT)
    try:
        with transaction.atomic():
            workspace = Workspace.objects.create(slug=slug, name=shown)
    except IntegrityError:
        raise errors.SlugTaken(slug=slug) from None
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("wsp", workspace.id),
        data=kinds.WorkspaceCreated(),
    )
    return workspace


@transaction.atomic
def create_person(
    *,
    actor: Actor,
    workspace: Workspace,
    email: str,
    name: str = "",
    password: str | None = None,
    administrator: bool = False,
) -> Person:
    """Make a user a person of the workspace, and make the user first where the address is new.

    Name and password are set only for a new user: who is here already keeps both, and nobody who
    administers one workspace can take over somebody of another.  A person who was deactivated comes
    back without the roles that people had given them, and gets those of their groups at the next sign-in.

    Raises:
        BadEmail, BadText, WeakPassword, PersonExists: the input names what to change.
    """
    user = _user(email, name, password)
    person, is_new = Person.objects.select_for_update(of=("self",)).get_or_create(
        workspace=workspace, user=user
    )
    if not is_new:
        if person.active:
            raise errors.PersonExists(email=user.email, slug=workspace.slug)
        _reactivate(person)
    # Keys are looked at when this commits: a link that was shown elsewhere waits for it by this lock.
    User.objects.select_for_update(no_key=True).get(id=user.id)
    person.user = user
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("per", person.id),
        data=kinds.PersonCreated() if is_new else kinds.PersonReactivated(),
        commits={"email": Commitment(user.email.encode())},
    )
    if administrator:
        grant_permission(actor=actor, workspace=workspace, person=person, permission="administer")
    return person


def _user(email: str, name: str, password: str | None) -> User:
    address = normal_email(email)
    if any(unicodedata.category(character).startswith("C") for character in address):
        raise errors.BadEmail(email=ascii(email))
    if len(address) > EMAIL_LIMIT:
        raise errors.BadEmail(email=f"{address[:60]}…")
    try:
        validate_email(address)
    except ValidationError:
        raise errors.BadEmail(email=email) from None
    found = User.objects.filter(email=address).first()
    if found is not None:
        return found
    shown = visible_text(name, limit=NAME_LIMIT) if name else ""
    if password is not None:
        passwords.check(password, User(email=address, name=shown))
    try:
        with transaction.atomic():
            return User.objects.create_user(address, password, name=shown)
    except IntegrityError:  # somebody else added them at this instant
        return User.objects.get(email=address)


def _reactivate(person: Person) -> None:
    person.active, person.deactivated_at = True, None
    person.save(update_fields=["active", "deactivated_at"])
    given = [Membership.Source.MANUAL, Membership.Source.IDP]
    Membership.objects.filter(person=person, source__in=given, valid_until=None).update(
        valid_until=ClockTimestamp()
    )


@transaction.atomic
def deactivate_person(*, actor: Actor, person: Person) -> bool:
    """End what a person may do in their workspace, at once; false when it had ended already.

    Memberships stay as history: eligibility asks whether the person is active.  Where it was the
    user's last active person, all their sessions end with it.  Links made for them here end, too.

    Raises:
        LastAdministrator: nobody else would administer the workspace.
    """
    administrators.keep_one(actor=actor, person=person)
    changed = Person.objects.filter(id=person.id, active=True).update(
        active=False, deactivated_at=ClockTimestamp()
    )
    if not changed:
        return False
    # The lock makes two last persons of one user, deactivated at once, see each other.
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    if not Person.objects.filter(user=user, active=True).exists():
        end_sessions(user=user)
    links.end(Q(person=person))
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.PersonDeactivated(),
    )
    wake_after_commit(person.id)
    return True


@transaction.atomic
def reactivate_person(*, actor: Actor, person: Person) -> bool:
    """Let somebody act again, without the roles that people had given them; false when they may."""
    held = Person.objects.select_for_update(of=("self",)).select_related("user").get(id=person.id)
    if held.active or held.erased_at is not None:
        return False
    _reactivate(held)
    record(
        actor=actor,
        workspace=held.workspace_id,
        subject=("per", held.id),
        data=kinds.PersonReactivated(),
        commits={"email": Commitment(held.user.email.encode())},
    )
    wake_after_commit(held.id)
    return True


@transaction.atomic
def rename_person(*, actor: Actor, person: Person, name: str) -> bool:
    """Change the name to show, which is the same in every workspace; false where it is that already.

    Raises:
        BadText: as `visible_text`.
        NameIsTheirs: they are in another workspace too, whose people know them by it.
    """
    shown = visible_text(name, limit=NAME_LIMIT)
    # Nobody makes them a person of another workspace meanwhile.
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    if user.name == shown:
        return False
    if actor.kind != "operator" and links.elsewhere(user.id, person.workspace_id):
        raise errors.NameIsTheirs(email=user.email)
    User.objects.filter(id=user.id).update(name=shown)
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.PersonRenamed(),
        commits={"name": Commitment(shown.encode())},
    )
    return True


@transaction.atomic
def set_plain_http(*, actor: Actor, workspace: Workspace, allowed: bool) -> bool:
    """Let callbacks go to plain http addresses, or no longer; false where it is so already."""
    held = Workspace.objects.select_for_update(no_key=True).get(id=workspace.id)
    if held.plain_http == allowed:
        return False
    held.plain_http = allowed
    held.save(update_fields=["plain_http"])
    record(
        actor=actor,
        workspace=held.id,
        subject=("wsp", held.id),
        data=kinds.PlainHttpSet(allowed=allowed),
    )
    return True


@transaction.atomic
def rename_workspace(*, actor: Actor, workspace: Workspace, name: str) -> bool:
    """Give the workspace another name for people to read; its slug stays.  False where it is so already.

    Raises:
        BadText: the input names what to change.
    """
    shown = visible_text(name, limit=NAME_LIMIT)
    held = Workspace.objects.select_for_update(no_key=True).get(id=workspace.id)
    if held.name == shown:
        return False
    before, held.name = held.name, shown
    held.save(update_fields=["name"])
    record(
        actor=actor,
        workspace=held.id,
        subject=("wsp", held.id),
        data=kinds.WorkspaceRenamed(before=before, after=shown),
    )
    return True
