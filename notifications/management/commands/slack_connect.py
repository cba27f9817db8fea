from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.problems import Problem
from notifications.management import secrets_in
from notifications.slack import installs
from notifications.slack.installs import Wanted
from people.management import base

NAMES = ("bot_token", "signing_secret", "app_token")


class Command(base.Command):
    help = "Connects an app in Slack to a workspace; its secrets come on standard input."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument(
            "--bot-token-stdin",
            action="store_true",
            required=True,
            help="bot_token, signing_secret and, for Socket Mode, app_token: JSON, or lines name=value",
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        given = secrets_in.named(NAMES)
        wanted = Wanted(
            given.get("bot_token"), given.get("signing_secret"), given.get("app_token") or None
        )
        try:
            made = installs.connect(actor=self.actor, workspace=workspace, wanted=wanted)
        except Problem as problem:
            raise base.refused(problem, {f"/{name}": name for name in NAMES}) from problem
        shown = ids.encode("sla", made.id)
        mode = "Socket Mode" if made.app_token is not None else "HTTP"
        return base.Said(
            f"The app {made.app_id} of {made.name} speaks for {workspace.slug}, over {mode}: {shown}.",
            {"id": shown, "app": made.app_id, "team": made.team_id, "state": made.state},
        )
