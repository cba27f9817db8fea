from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people import absences
from people.management import base
from people.services import person_by_email


class Command(base.Command):
    help = "Ends the absence that holds now, or calls off the next: somebody is back."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("email", metavar="EMAIL", help="who is back")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        person = person_by_email(workspace, options["email"])
        found = absences.coming(workspace=workspace.id, person=person.id)
        absence = absences.find(workspace=workspace.id, absence=found[0].id) if found else None
        ended = absence is not None and absences.end(actor=self.actor, absence=absence)
        if absence is None or not ended:
            raise base.Failed(f"{person.name} is not away, and will not be.")
        return base.Said(
            f"{person.name} is here.",
            {"id": ids.encode("abs", absence.id), "person": ids.encode("per", person.id)},
        )
