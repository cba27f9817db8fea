from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core.problems import Problem
from notifications.pagers import registry
from people.management import base


class Command(base.Command):
    help = "Removes a pager; steps that name it are passed over, and the next is taken."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME")

    def run(self, **options: Any) -> base.Said:
        workspace, name = base.workspace_of(options), options["name"]
        try:
            registry.remove(actor=self.actor, workspace=workspace.id, name=name)
        except Problem as problem:
            raise base.Failed(f"There is no pager “{name}”.", {"argument": "NAME"}) from problem
        return base.Said(f"“{name}” is called no more.", {"name": name})
