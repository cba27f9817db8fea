from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core.problems import Problem
from notifications.others import channels
from people.management import base


class Command(base.Command):
    help = "Takes a channel that only tells away, with its address."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="as channel_list shows it")

    def run(self, **options: Any) -> base.Said:
        workspace, name = base.workspace_of(options), options["name"]
        try:
            channels.remove(actor=self.actor, workspace=workspace.id, name=name)
        except Problem as problem:
            raise base.Failed(
                f"NAME: {workspace.slug} has no channel “{name}”: see channel_list.",
                {"argument": "NAME"},
            ) from problem
        return base.Said(f"Nothing is told at “{name}” any more.", {"name": name})
