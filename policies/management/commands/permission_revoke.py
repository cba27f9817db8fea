from __future__ import annotations

from policies.management.permission import PermissionCommand


class Command(PermissionCommand):
    help = "Takes away a permission on the workspace or its policy."
    held = False
