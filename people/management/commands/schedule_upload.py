from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from audit.log import rfc3339
from core.problems import Problem
from people.management import base
from people.schedules.feeds import upload
from people.schedules.rules import MAX_BYTES


class Command(base.Command):
    help = "Hands a calendar (iCalendar file) to a schedule that says ical: uploaded."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="the schedule, as the policy calls it")
        parser.add_argument("file", metavar="FILE", type=Path)

    def run(self, **options: Any) -> base.Said:
        workspace, name = base.workspace_of(options), options["name"]
        try:
            with options["file"].open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise base.Failed(f"FILE: {error.strerror}.", {"argument": "FILE"}) from error
        try:
            taken = upload(actor=self.actor, workspace=workspace.id, schedule=name, content=content)
        except Problem as problem:
            if problem.status == 404:
                raise base.Failed(
                    f"NAME: {workspace.slug} has no schedule “{name}”: declare it in the policy.",
                    {"argument": "NAME"},
                ) from problem
            raise base.refused(problem, {"": "FILE"}) from problem
        unknown = f" {taken.unknown} names in it are nobody here." if taken.unknown else ""
        return base.Said(
            f"Somebody is on duty {taken.events} times until {taken.reaches:%Y-%m-%d}.{unknown}",
            {"events": taken.events, "unknown": taken.unknown, "reaches": rfc3339(taken.reaches)},
        )
