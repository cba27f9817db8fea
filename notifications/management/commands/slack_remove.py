from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.problems import Problem
from notifications.slack import installs
from people.management import base


class Command(base.Command):
    help = "Takes an app in Slack out: its secrets are destroyed, its people connected no more."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("id", metavar="ID", help="as slack_list shows it")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            installation = ids.decode("sla", options["id"])
            installs.remove(actor=self.actor, workspace=workspace.id, installation=installation)
        except (ids.BadId, Problem) as error:
            raise base.Failed(
                f"ID: No app {options['id']} is connected to {workspace.slug}: see slack_list.",
                {"argument": "ID"},
            ) from error
        return base.Said(f"{options['id']} is taken out.", {"id": options["id"]})
