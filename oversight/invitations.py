"""Inviting somebody with permissions of the workspace and of its policy at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from audit.actor import Actor
from oversight.people import PERMISSIONS, Name, held_by, set_named
from people import invitations
from people.invitations import Invited
from people.models import Workspace


@transaction.atomic
def invite(
    *,
    actor: Actor,
    workspace: Workspace,
    email: str,
    name: str = "",
    roles: Iterable[str] = (),
    permissions: Iterable[Name] = (),
    show: bool = False,
) -> Invited:
    """Invite somebody as `people.invitations.invite` does; the door has seen to it who asks.

    Whoever was here before comes back with these permissions, and no other.

    Raises:
        BadEmail, BadText, PersonExists, NoSuchRole, NoPolicy: the input names what to change.
    """
    invited = invitations.invite(
        actor=actor, workspace=workspace, email=email, name=name, roles=roles, show=show
    )
    wanted = set(permissions)
    held = held_by(workspace=workspace, person=invited.person)
    for permission in PERMISSIONS:
        if (permission in wanted) != (permission in held):
            set_named(
                actor=actor,
                workspace=workspace,
                person=invited.person,
                permission=permission,
                held=permission in wanted,
            )
    return invited
