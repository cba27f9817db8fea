from __future__ import annotations

from typing import Any

import msgspec
from django.core.management.base import CommandParser

from core.problems import Problem
from oversight import holds
from oversight.management.told import named, refused
from people.management import base


class Command(base.Command):
    help = "Lifts a legal hold."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("id", metavar="ID", help="the hold's id (hld_…)")
        parser.add_argument("--reason", default="", metavar="TEXT", help="stays; name nobody in it")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        hold = named("hld", options["id"], "ID")
        assert hold is not None  # noqa: S101  # the parser asks for one
        try:
            lifted = holds.lift(
                actor=self.actor, workspace=workspace.id, hold=hold, reason=options["reason"]
            )
        except Problem as problem:
            raise refused(problem) from problem
        return base.Said(
            f"{lifted.id} holds {lifted.target} no longer.", msgspec.to_builtins(lifted)
        )
