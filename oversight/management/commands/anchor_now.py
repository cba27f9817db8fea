from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oversight.anchors import shown
from oversight.anchors.now import anchor_now
from people.management import base


class Command(base.Command):
    help = "Lays the newest checkpoint of a workspace's log down at each of its anchors, now."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)

    def run(self, **options: Any) -> base.Said:
        found = anchor_now(base.workspace_of(options).id)
        failed = bool(found.held) or any(each.failures for each in found.targets)
        return base.Said(shown.text(found), shown.data(found), code=int(failed))
