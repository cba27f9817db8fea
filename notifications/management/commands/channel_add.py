from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.problems import Problem
from notifications.management import secrets_in
from notifications.others import channels
from people.management import base
from people.models import Role


class Command(base.Command):
    help = (
        "Tells a role's requests to a service of Apprise's, whose address comes on standard input."
    )

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="what it is called here")
        parser.add_argument("--role", required=True, metavar="ROLE", help="its name in the policy")

    def run(self, **options: Any) -> base.Said:
        workspace, name, role = base.workspace_of(options), options["name"], options["role"]
        url = secrets_in.one("the channel's address of Apprise's")
        try:
            made = channels.add(
                actor=self.actor, workspace=workspace, name=name, role=role, url=url
            )
        except Problem as problem:
            pointers = {"/name": "NAME", "/role": "--role", "/url": "standard input"}
            raise base.refused(problem, pointers) from problem
        known = Role.objects.filter(workspace=workspace, name=role).exists()
        told = f"What asks {role} is told at “{name}” as well."
        if not known:
            told += f" No role of the policy is named {role}: until one is, nothing is told there."
        shown = ids.encode("oth", made.id)
        return base.Said(told, {"id": shown, "name": name, "role": role, "role_exists": known})
