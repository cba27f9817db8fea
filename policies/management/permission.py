"""What permission_grant and permission_revoke share: one permission of one person, given or taken."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from people.permissions import grant_permission, revoke_permission
from people.services import person_by_email
from policies.permissions import set_policy_permission

#: What each permission opens.  None of them lets anybody decide: that is membership.
PERMISSIONS = {
    "administer": "manage the workspace",
    "audit": "read, verify and export the log",
    "view": "see every request",
    "edit": "read the policy, and try another",
    "approve": "make a policy active",
}


class PermissionCommand(base.Command):
    """One permission of one person, given (``held``) or taken."""

    held: ClassVar[bool]

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        told = ", ".join(f"{name} ({what})" for name, what in PERMISSIONS.items())
        parser.add_argument("permission", metavar="PERMISSION", choices=PERMISSIONS, help=told)
        parser.add_argument("email", metavar="EMAIL")

    def run(self, **options: Any) -> base.Said:
        workspace, permission = base.workspace_of(options), options["permission"]
        person = person_by_email(workspace, options["email"])
        given: dict[str, Any] = {"actor": self.actor, "workspace": workspace, "person": person}
        if permission in ("edit", "approve"):
            changed = set_policy_permission(**given, permission=permission, held=self.held)
        else:
            change = grant_permission if self.held else revoke_permission
            changed = change(**given, permission=permission)
        has = "may" if self.held else "may not"
        return base.Said(
            f"{person.user.email} {has} {PERMISSIONS[permission]} in {workspace.slug}.",
            {"person": ids.encode("per", person.id), "permission": permission, "changed": changed},
        )
