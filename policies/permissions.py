"""Permissions on a workspace's policy, kept by django-guardian in direct tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal
from uuid import UUID

from django.contrib.auth.models import Permission as Permissions
from django.db import transaction
from django.db.models import Q
from guardian.shortcuts import assign_perm, get_user_perms, remove_perm

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core.db import pool
from people.errors import Refusal
from people.models import Person, User, Workspace
from policies.models import Policy

Permission = Literal["edit", "approve"]


def permissions_on(user_id: UUID, workspace_id: UUID) -> frozenset[str]:
    """What a user may do with the workspace's policy, by themselves or in a group."""
    user = Q(
        policyuserpermission__user_id=user_id,
        policyuserpermission__content_object_id=workspace_id,
    )
    group = Q(
        policygrouppermission__group__user=user_id,
        policygrouppermission__content_object_id=workspace_id,
    )
    return frozenset(Permissions.objects.filter(user | group).values_list("codename", flat=True))


class NoPolicy(Refusal):
    """Workspace “{slug}” has no policy to hang a permission on: apply one with policy_apply first."""

    argument = "permission"


@transaction.atomic
def set_policy_permission(
    *, actor: Actor, workspace: Workspace, person: Person, permission: Permission, held: bool
) -> bool:
    """Give or take one permission on the workspace's policy; false where nothing changed.

    Raises:
        NoPolicy: no policy was ever applied.
    """
    if person.workspace_id != workspace.id:
        raise ValueError("a permission is given to a person of the same workspace")
    policy = Policy.objects.filter(workspace=workspace).first()
    if policy is None:
        raise NoPolicy(slug=workspace.slug)
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    if (permission in get_user_perms(user, policy)) == held:
        return False
    (assign_perm if held else remove_perm)(f"policies.{permission}", user, policy)
    kind = kinds.PermissionGranted if held else kinds.PermissionRevoked
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("per", person.id),
        data=kind(permission=f"policy.{permission}"),
    )
    return True


_HELD: Final = """
SELECT held.user_id, perm.codename::text
  FROM policies_policyuserpermission held JOIN auth_permission perm ON perm.id = held.permission_id
 WHERE held.content_object_id = %(workspace)s AND held.user_id = ANY(%(users)s)
"""


def policy_permissions(workspace: UUID, users: Iterable[UUID]) -> dict[UUID, set[str]]:
    """Which of these users hold which permissions on the workspace's policy; others are left out."""
    found: dict[UUID, set[str]] = {}
    with pool().connection() as conn:
        for user, permission in conn.execute(_HELD, {"workspace": workspace, "users": list(users)}):
            found.setdefault(user, set()).add(permission)
    return found
