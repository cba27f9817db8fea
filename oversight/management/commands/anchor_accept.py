from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oversight.anchors import rollback
from people.management import base


class Command(base.Command):
    help = "Lets a log go on that an anchor speaks against; whoever holds the anchor will see it."
    spelling = {"reason": "--reason"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("--reason", required=True, metavar="TEXT", help="stands in the log")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        accepted = rollback.accept(actor=self.actor, workspace=workspace, reason=options["reason"])
        sizes = ", ".join(str(held.size) for held in accepted)
        return base.Said(
            f"The log of {workspace.slug} goes on, in spite of anchors of {sizes} events.",
            {
                "accepted": [
                    {"size": held.size, "what": held.what, "log_size": held.log_size}
                    for held in accepted
                ]
            },
        )
