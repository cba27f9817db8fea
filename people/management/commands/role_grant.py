from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from people.roles import grant_role
from people.services import person_by_email


class Command(base.Command):
    help = "Puts a person into a role by hand, beside those whom the policy names."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("role", metavar="ROLE", help="its name in the policy")
        parser.add_argument("email", metavar="EMAIL")

    def run(self, **options: Any) -> base.Said:
        workspace, role = base.workspace_of(options), options["role"]
        person = person_by_email(workspace, options["email"])
        grant_role(actor=self.actor, workspace=workspace, role=role, person=person)
        return base.Said(
            f"{person.user.email} holds {role} in {workspace.slug}.",
            {"role": role, "person": ids.encode("per", person.id), "email": person.user.email},
        )
