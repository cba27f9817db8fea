from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.db import pool
from notifications import channels
from people.management import base


class Command(base.Command):
    help = "Lists the channels that only tell; their addresses are never shown."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        with pool().connection() as conn:
            found = channels.others(conn, workspace.id)
        shown = [
            {
                "id": ids.encode("oth", one.id),
                "name": one.name,
                "role": one.role,
                "service": one.service,
            }
            for one in found
        ]
        lines = [f"{one['name']}  {one['service']}, told what asks {one['role']}" for one in shown]
        return base.Said("\n".join(lines) or "There is none.", {"channels": shown})
