"""Permissions on a workspace's policy, kept by django-guardian in direct tables."""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from guardian.shortcuts import assign_perm, get_user_perms, remove_perm

from audit import kinds
from audit.actor import Actor
from audit.log import record
from people.errors import Refusal
from people.models import Person, User, Workspace
from policies.models import Policy

Permission = Literal["edit", "approve"]


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
