from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from oversight.anchors.targets import remove
from people.management import base


class Command(base.Command):
    help = "Sends the checkpoints of a workspace's log to one of its anchors no longer."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("id", metavar="ID", help="the anchor's, as anchor_list shows it")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            target_id = ids.decode("anc", options["id"])
        except ids.BadId as error:
            raise base.Failed(f"ID: {error}", {"argument": "ID"}) from error
        target = remove(actor=self.actor, workspace=workspace, target_id=target_id)
        return base.Said(
            f"Nothing goes to anchor {options['id']} any more; what lies there stays.",
            {"id": options["id"], "type": target.kind},
        )
