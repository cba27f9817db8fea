from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from notifications.models import Pager
from people.management import base


class Command(base.Command):
    help = "Lists the pagers that escalations may call; their secrets are never shown."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        found = Pager.objects.filter(workspace=workspace).order_by("name")
        shown = [
            {"id": ids.encode("pgr", one.id), "name": one.name, "kind": one.kind, "url": one.url}
            for one in found
        ]
        lines = [f"{one['name']}  {one['kind']}  {one['url']}" for one in shown]
        return base.Said("\n".join(lines) or "There is none.", {"pagers": shown})
