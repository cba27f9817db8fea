from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from people.management import base
from people.services import set_plain_http


class Command(base.Command):
    help = "Lets callbacks of a workspace go to plain http addresses, or no longer."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("allowed", metavar="on|off", choices=("on", "off"))

    def run(self, **options: Any) -> base.Said:
        workspace, allowed = base.workspace_of(options), options["allowed"] == "on"
        changed = set_plain_http(actor=self.actor, workspace=workspace, allowed=allowed)
        return base.Said(
            f"Plain http is {options['allowed']} in {workspace.slug}{'' if changed else ' already'}.",
            {"slug": workspace.slug, "plain_http": allowed, "changed": changed},
        )
