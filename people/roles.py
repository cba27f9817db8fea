"""Who is in which role: granted by hand, or reconciled with the policy's own list.

A membership ends by its ``valid_until``; its row stays, so that who could decide on a given day can
always be said.  Each source changes only its own rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import ids
from core.clock import ClockTimestamp
from core.emails import normal_email
from people import errors
from people.models import Membership, Person, Role, Workspace
from people.services import wake_after_commit


@dataclass(frozen=True, slots=True)
class PolicyRole:
    """A role as the policy's document declares it: title, the ids of its members, its schedule."""

    title: str
    members: frozenset[UUID]
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What `reconcile_policy_roles` changed: role names, and (role name, person id) pairs."""

    created: list[str] = field(default_factory=list)
    granted: list[tuple[str, UUID]] = field(default_factory=list)
    revoked: list[tuple[str, UUID]] = field(default_factory=list)


@transaction.atomic
def grant_role(*, actor: Actor, workspace: Workspace, role: str, person: Person) -> Membership:
    """Put a person into a role by hand; the same membership again where they are in by hand already.

    Raises:
        NoSuchRole: the workspace has none of that name.
        PersonInactive: the person was deactivated.
    """
    held = _locked(workspace, role)
    if not Person.objects.filter(id=person.id, workspace=workspace, active=True).exists():
        raise errors.PersonInactive(email=person.user.email, slug=workspace.slug)
    present = _open_memberships(held, person).filter(source=Membership.Source.MANUAL).first()
    if present is not None:
        return present
    membership = Membership.objects.create(
        workspace=workspace, role=held, person=person, source=Membership.Source.MANUAL
    )
    _record_grant(actor, workspace.id, role, person.id, Membership.Source.MANUAL)
    return membership


@transaction.atomic
def revoke_role(*, actor: Actor, workspace: Workspace, role: str, person: Person) -> list[str]:
    """End the membership that was given by hand, now; returns the sources that still hold.

    Raises:
        NoSuchRole: the workspace has none of that name.
        NotInRole: the person does not hold it.
        RoleFromPolicy: the person holds it, but only because the policy says so.
    """
    held = _locked(workspace, role)
    sources = set(_open_memberships(held, person).values_list("source", flat=True))
    if not sources:
        raise errors.NotInRole(email=person.user.email, role=role)
    if Membership.Source.MANUAL not in sources:
        raise errors.RoleFromPolicy(email=person.user.email, role=role)
    _open_memberships(held, person).filter(source=Membership.Source.MANUAL).update(
        valid_until=ClockTimestamp()
    )
    _record_revoke(actor, workspace.id, role, person.id, Membership.Source.MANUAL)
    return sorted(sources - {Membership.Source.MANUAL})


@transaction.atomic
def reconcile_policy_roles(
    *, actor: Actor, workspace: Workspace, roles: Mapping[str, PolicyRole]
) -> Reconciled:
    """Make roles and memberships of source ``policy`` what the document says; others are untouched.

    A role that is no longer declared keeps its row, which requests name, and loses the members that
    it had from the policy.
    """
    known = {
        role.name: role
        for role in Role.objects.select_for_update(no_key=True)
        .filter(workspace=workspace)
        .order_by("name")
    }
    changes = Reconciled()
    for name, declared in sorted(roles.items()):
        if name not in known:
            known[name] = Role.objects.create(
                workspace=workspace, name=name, title=declared.title, schedule=declared.schedule
            )
            changes.created.append(name)
            record(
                actor=actor,
                workspace=workspace.id,
                subject=("wsp", workspace.id),
                data=kinds.RoleCreated(name=name),
            )
        elif (known[name].title, known[name].schedule) != (declared.title, declared.schedule):
            known[name].title, known[name].schedule = declared.title, declared.schedule
            known[name].save(update_fields=["title", "schedule"])
    Role.objects.filter(workspace=workspace).exclude(name__in=roles).exclude(schedule=None).update(
        schedule=None
    )
    _reconcile_members(actor, workspace, roles, known, changes)
    return changes


def _reconcile_members(
    actor: Actor,
    workspace: Workspace,
    roles: Mapping[str, PolicyRole],
    known: Mapping[str, Role],
    changes: Reconciled,
) -> None:
    source = Membership.Source.POLICY
    present = {
        (membership.role_id, membership.person_id): membership.id
        for membership in Membership.objects.filter(
            workspace=workspace, source=source, valid_until=None
        )
    }
    wanted = {
        (known[name].id, person): name
        for name, declared in roles.items()
        for person in declared.members
    }
    names = {role.id: role.name for role in known.values()}
    new = sorted(wanted.keys() - present.keys())
    gone = sorted(present.keys() - wanted.keys())
    Membership.objects.bulk_create(
        Membership(workspace=workspace, role_id=role, person_id=person, source=source)
        for role, person in new
    )
    Membership.objects.filter(id__in=[present[pair] for pair in gone]).update(
        valid_until=ClockTimestamp()
    )
    for role, person in new:
        changes.granted.append((names[role], person))
        _record_grant(actor, workspace.id, names[role], person, source)
    for role, person in gone:
        changes.revoked.append((names[role], person))
        _record_revoke(actor, workspace.id, names[role], person, source)


def people_by_email(workspace: Workspace, emails: Iterable[str]) -> dict[str, Person]:
    """The people of these addresses, active or not, by normalised address; absent ones are left out."""
    wanted = {normal_email(email) for email in emails}
    found = Person.objects.select_related("user").filter(
        workspace=workspace, user__email__in=wanted
    )
    return {person.user.email: person for person in found}


def _locked(workspace: Workspace, name: str) -> Role:
    role = (
        Role.objects.select_for_update(no_key=True).filter(workspace=workspace, name=name).first()
    )
    if role is None:
        names = Role.objects.filter(workspace=workspace).order_by("name")
        known = ", ".join(names.values_list("name", flat=True)[:20]) or "it has none yet"
        raise errors.NoSuchRole(slug=workspace.slug, role=name, known=known)
    return role


def _open_memberships(role: Role, person: Person) -> QuerySet[Membership]:
    return Membership.objects.filter(role=role, person=person, valid_until=None)


def _record_grant(actor: Actor, workspace: UUID, role: str, person: UUID, source: str) -> None:
    shown = ids.encode("per", person)
    record(
        actor=actor,
        workspace=workspace,
        subject=("per", person),
        data=kinds.RoleGranted(role=role, person=shown, source=str(source)),
    )
    wake_after_commit(person)


def _record_revoke(actor: Actor, workspace: UUID, role: str, person: UUID, source: str) -> None:
    shown = ids.encode("per", person)
    record(
        actor=actor,
        workspace=workspace,
        subject=("per", person),
        data=kinds.RoleRevoked(role=role, person=shown, source=str(source)),
    )
    wake_after_commit(person)
