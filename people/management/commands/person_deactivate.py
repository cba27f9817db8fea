from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from people.services import deactivate_person, person_by_email


class Command(base.Command):
    help = "Ends what a person may do in a workspace, at once. person_create brings them back."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("email", metavar="EMAIL")

    def run(self, **options: Any) -> base.Said:
        person = person_by_email(base.workspace_of(options), options["email"])
        changed = deactivate_person(actor=self.actor, person=person)
        text = "Deactivated" if changed else "Already deactivated:"
        return base.Said(
            f"{text} {person.user.email}.",
            {"id": ids.encode("per", person.id), "email": person.user.email, "changed": changed},
        )
