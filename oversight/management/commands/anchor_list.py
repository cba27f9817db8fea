from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oversight.anchors import shown
from oversight.anchors.standing import standing
from people.management import base


class Command(base.Command):
    help = "Says where the checkpoints of a workspace's log lie, and what is missing there."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)

    def run(self, **options: Any) -> base.Said:
        found = standing(base.workspace_of(options).id)
        return base.Said(shown.text(found), shown.data(found))
