from __future__ import annotations

from typing import Any

import msgspec
from django.core.management.base import CommandParser

from core.problems import Problem
from oversight import holds
from oversight.management.told import named, refused
from people.management import base
from people.services import person_by_email


class Command(base.Command):
    help = "Puts a legal hold on a workspace, a request or a person: nothing of it is erased."
    spelling = {"email": "--person"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--request", metavar="ID", help="this request only")
        what.add_argument(
            "--person", metavar="EMAIL", help="this person, and what they took part in"
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="stays; name nobody in it")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        scope, target = holds.covered(
            workspace.id,
            request=named("req", options["request"], "--request"),
            person=person_by_email(workspace, options["person"]).id if options["person"] else None,
        )
        try:
            made = holds.put(
                actor=self.actor,
                workspace=workspace.id,
                scope=scope,
                target=target,
                reason=options["reason"],
            )
        except Problem as problem:
            raise refused(problem) from problem
        text = f"{made.id} holds {made.target}. Lift it with: hold_lift {workspace.slug} {made.id}"
        return base.Said(text, msgspec.to_builtins(made))
