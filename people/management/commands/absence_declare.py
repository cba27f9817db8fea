from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from audit.log import rfc3339
from core import ids
from people import absences
from people.management import base
from people.management.instants import instant
from people.services import person_by_email


class Command(base.Command):
    help = "Says that somebody will be away, and who decides in their place meanwhile."
    spelling = {"from": "--from", "until": "--until", "stand_in": "--stand-in"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("email", metavar="EMAIL", help="who will be away")
        parser.add_argument(
            "--from",
            dest="begins_at",
            type=instant,
            required=True,
            help="such as 2027-03-01T00:00:00+01:00; one that has passed means now",
        )
        parser.add_argument("--until", type=instant, required=True, help="when they are back")
        parser.add_argument(
            "--stand-in", metavar="EMAIL", default="", help="who decides in their place"
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        person = person_by_email(workspace, options["email"])
        stand_in = absences.stand_in_of(workspace=workspace.id, named=options["stand_in"])
        declared = absences.declare(
            actor=self.actor,
            person=person,
            begins_at=options["begins_at"],
            ends_at=options["until"],
            stand_in=stand_in,
        )
        absence = declared.absence
        in_place = f"; {stand_in.name} stands in" if stand_in else "; nobody stands in"
        begin, until = rfc3339(absence.begins_at), rfc3339(absence.ends_at)
        return base.Said(
            "\n".join(
                [f"{person.name} is away from {begin} until {until}{in_place}.", *declared.warnings]
            ),
            {
                "id": ids.encode("abs", absence.id),
                "person": ids.encode("per", person.id),
                "from": begin,
                "until": until,
                "stand_in": ids.encode("per", stand_in.id) if stand_in else None,
                "warnings": list(declared.warnings),
            },
        )
