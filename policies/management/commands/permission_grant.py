from __future__ import annotations

from policies.management.permission import PermissionCommand


class Command(PermissionCommand):
    help = "Gives a person one permission on the workspace or its policy. None of them decides."
    held = True
