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
from core.clock import ClockTimestamp
from core.emails import normal_email
from people import errors
from people.groups import reconcile_groups
from people.membership import reconcile, record_grant, record_revoke
from people.models import Membership, Person, Role, Workspace


@dataclass(frozen=True, slots=True)
class PolicyRole:
    """A role as the policy's document declares it: title, the ids of its members, its schedule, its group."""

    title: str
    members: frozenset[UUID]
    schedule: str | None = None
    #: The group of the identity provider whose people are in it besides.
    group: str | None = None


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
    record_grant(actor, workspace.id, role, person.id, Membership.Source.MANUAL)
    return membership


@transaction.atomic
def revoke_role(*, actor: Actor, workspace: Workspace, role: str, person: Person) -> list[str]:
    """End the membership that was given by hand, now; returns the sources that still hold.

    Raises:
        NoSuchRole: the workspace has none of that name.
        NotInRole: the person does not hold it.
        RoleFromPolicy, RoleFromGroup: the person holds it, but only because the policy says so, or
            their group at the identity provider.
    """
    held = _locked(workspace, role)
    sources = set(_open_memberships(held, person).values_list("source", flat=True))
    if not sources:
        raise errors.NotInRole(email=person.user.email, role=role)
    if Membership.Source.MANUAL not in sources:
        by_policy = Membership.Source.POLICY in sources
        refusal = errors.RoleFromPolicy if by_policy else errors.RoleFromGroup
        raise refusal(email=person.user.email, role=role)
    _open_memberships(held, person).filter(source=Membership.Source.MANUAL).update(
        valid_until=ClockTimestamp()
    )
    record_revoke(actor, workspace.id, role, person.id, Membership.Source.MANUAL)
    return sorted(sources - {Membership.Source.MANUAL})


@transaction.atomic
def reconcile_policy_roles(
    *, actor: Actor, workspace: Workspace, roles: Mapping[str, PolicyRole]
) -> Reconciled:
    """Make roles and memberships of source ``policy`` what the document says.

    Those of source ``idp`` follow where it names other groups; those by hand are untouched.  A role
    that is no longer declared keeps its row, which requests name, and loses the members that it had
    from the policy and from a group.
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
                workspace=workspace,
                name=name,
                title=declared.title,
                schedule=declared.schedule,
                idp_group=declared.group,
            )
            changes.created.append(name)
            record(
                actor=actor,
                workspace=workspace.id,
                subject=("wsp", workspace.id),
                data=kinds.RoleCreated(name=name),
            )
        else:
            _redeclare(known[name], declared)
    gone = Role.objects.filter(workspace=workspace).exclude(name__in=roles)
    gone.exclude(schedule=None, idp_group=None).update(schedule=None, idp_group=None)
    wanted = {
        (known[name].id, person) for name, declared in roles.items() for person in declared.members
    }
    made = reconcile(
        actor=actor,
        workspace=workspace.id,
        source=Membership.Source.POLICY,
        wanted=wanted,
        names={role.id: role.name for role in known.values()},
    )
    made += reconcile_groups(actor=actor, workspace=workspace.id)
    changes.granted.extend((one.role, one.person) for one in made if one.granted)
    changes.revoked.extend((one.role, one.person) for one in made if not one.granted)
    return changes


def _redeclare(role: Role, declared: PolicyRole) -> None:
    stood = (role.title, role.schedule, role.idp_group)
    role.title, role.schedule, role.idp_group = declared.title, declared.schedule, declared.group
    if stood != (role.title, role.schedule, role.idp_group):
        role.save(update_fields=["title", "schedule", "idp_group"])


def people_by_email(workspace: Workspace, emails: Iterable[str]) -> dict[str, Person]:
    """The people of these addresses, active or not, by normalised address; absent ones are left out."""
    wanted = {normal_email(email) for email in emails}
    found = Person.objects.select_related("user").filter(
        workspace=workspace, user__email__in=wanted
    )
    return {person.user.email: person for person in found}


def _locked(workspace: Workspace, name: str) -> Role:
    named = Role.objects.filter(workspace=workspace, name=name.replace("\0", "\ufffd"))
    role = named.select_for_update(no_key=True).first()
    if role is None:
        names = Role.objects.filter(workspace=workspace).order_by("name")
        known = ", ".join(names.values_list("name", flat=True)[:20]) or "it has none yet"
        raise errors.NoSuchRole(slug=workspace.slug, role=name, known=known)
    return role


def _open_memberships(role: Role, person: Person) -> QuerySet[Membership]:
    return Membership.objects.filter(role=role, person=person, valid_until=None)
