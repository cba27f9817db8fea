"""Administrative permissions on a workspace, kept by django-guardian in direct tables.

They open administration and reading; none of them decides anything: that is membership.
"""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from guardian.shortcuts import assign_perm, get_group_perms, get_user_perms, remove_perm

from audit import kinds
from audit.actor import Actor
from audit.log import record
from people import administrators
from people.models import Person, User, Workspace

Permission = Literal["administer", "audit", "view", "decide_fallback"]


def grant_permission(
    *, actor: Actor, workspace: Workspace, person: Person, permission: Permission
) -> bool:
    """Give a person one permission on their workspace; false where they have it."""
    return _set(actor, workspace, person, permission, held=True)


def revoke_permission(
    *, actor: Actor, workspace: Workspace, person: Person, permission: Permission
) -> bool:
    """Take one permission on the workspace from a person; false where they do not have it.

    Raises:
        LastAdministrator: nobody else would administer it.
    """
    return _set(actor, workspace, person, permission, held=False)


@transaction.atomic
def _set(
    actor: Actor, workspace: Workspace, person: Person, permission: Permission, *, held: bool
) -> bool:
    if person.workspace_id != workspace.id:
        raise ValueError("a permission is given to a person of the same workspace")
    if permission == "administer" and not held:
        administrators.keep_one(actor=actor, person=person)
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    if (permission in get_user_perms(user, workspace)) == held:
        return False
    (assign_perm if held else remove_perm)(f"people.{permission}", user, workspace)
    kind = kinds.PermissionGranted if held else kinds.PermissionRevoked
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("per", person.id),
        data=kind(permission=permission),
    )
    return True


def permissions_of(user: User, workspace: Workspace) -> frozenset[str]:
    """What this user may do in the workspace besides deciding; read it once per request.

    Nothing for somebody who is no active person there.  Being a superuser adds nothing.
    """
    known = Person.objects.filter(
        user=user, workspace=workspace, active=True, user__is_active=True
    ).exists()
    if not known:
        return frozenset()
    return frozenset(get_user_perms(user, workspace).union(get_group_perms(user, workspace)))
