from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from people.roles import revoke_role
from people.services import person_by_email


class Command(base.Command):
    help = "Takes back a role that was granted by hand; what the policy says stays."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("role", metavar="ROLE")
        parser.add_argument("email", metavar="EMAIL")

    def run(self, **options: Any) -> base.Said:
        workspace, role = base.workspace_of(options), options["role"]
        person = person_by_email(workspace, options["email"])
        left = revoke_role(actor=self.actor, workspace=workspace, role=role, person=person)
        text = f"Took {role} from {person.user.email}."
        if left:
            text += f" They still hold it by: {', '.join(left)}."
        return base.Said(
            text,
            {
                "role": role,
                "person": ids.encode("per", person.id),
                "email": person.user.email,
                "still_held_by": left,
            },
        )
