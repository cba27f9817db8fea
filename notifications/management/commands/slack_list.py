from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.db import pool
from notifications import channels
from people.management import base


class Command(base.Command):
    help = "Lists the apps in Slack that speak for a workspace."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        with pool().connection() as conn:
            found = channels.apps(conn, workspace.id)
        apps = [
            {
                "id": ids.encode("sla", app.id),
                "name": app.name,
                "team": app.team or app.enterprise,
                "state": app.state,
                "reason": app.reason,
                "bound": app.bound,
                "socket_mode": app.has_app_token,
            }
            for app in found
        ]
        lines = [
            f"{app['id']}  {app['state']}{' (' + str(app['reason']) + ')' if app['reason'] else ''}"
            f"  {app['name']}, {app['bound']} connected"
            for app in apps
        ]
        return base.Said("\n".join(lines) or "No app is connected.", {"apps": apps})
