"""Roles that a group of the identity provider fills: memberships of source ``idp``, and no others.

What groups somebody is in was said at their last sign-in (`people.sso`); which role a group fills says the
policy.  Either may change, and memberships follow with it.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from audit.actor import Actor
from people.membership import Change, reconcile
from people.models import Membership, Person, Role, User

#: Who changes memberships at a sign-in.
ACTOR = Actor.system("identity_provider")


@transaction.atomic
def reconcile_user(*, actor: Actor, user: User) -> list[Change]:
    """Make the memberships from groups of one user, in every workspace, what their identity says.

    Somebody without an identity, or who is nowhere active, has none.
    """
    people = Person.objects.filter(user=user).order_by("workspace_id")
    changes: list[Change] = []
    for person in people:
        changes += reconcile_groups(actor=actor, workspace=person.workspace_id, people=[person.id])
    return changes


@transaction.atomic
def reconcile_groups(
    *, actor: Actor, workspace: UUID, people: Collection[UUID] | None = None
) -> list[Change]:
    """Make memberships from groups what roles and identities say; of everybody, or of these people."""
    # A policy that is applied meanwhile, and another sign-in, wait for each other here.
    roles = list(
        Role.objects.select_for_update(no_key=True).filter(workspace=workspace).order_by("name")
    )
    by_group: dict[str, list[UUID]] = {}
    for role in roles:
        if role.idp_group is not None:
            by_group.setdefault(role.idp_group, []).append(role.id)
    seen = Person.objects.filter(
        workspace=workspace, active=True, user__is_active=True, user__identity__isnull=False
    )
    if people is not None:
        seen = seen.filter(id__in=people)
    wanted = {
        (role, person)
        for person, groups in seen.values_list("id", "user__identity__groups")
        for group in groups
        for role in by_group.get(group, ())
    }
    return reconcile(
        actor=actor,
        workspace=workspace,
        source=Membership.Source.IDP,
        wanted=wanted,
        names={role.id: role.name for role in roles},
        people=people,
    )
