from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.rotation import rotate_key
from core import durations, ids
from core.problems import Problem
from people.management import base


class Command(base.Command):
    help = "Makes a key in the place of another, which goes on for a while."
    spelling = {"overlap": "--overlap", "agent": "ID", "id": "ID"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("id", metavar="ID", help="key_…, as key_create printed it")
        parser.add_argument(
            "--overlap",
            default="24h",
            metavar="24h",
            help="how long the old key goes on, at most 30d; default 24h",
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            key_id = ids.decode("key", options["id"])
            overlap = durations.parse(options["overlap"])
        except ids.BadId as error:
            raise base.Failed(f"ID: {error}", {"argument": "ID"}) from error
        except durations.DurationError as error:
            raise base.Failed(f"--overlap: {error}", {"argument": "--overlap"}) from error
        try:
            done = rotate_key(actor=self.actor, workspace=workspace, key_id=key_id, overlap=overlap)
        except Problem as problem:
            raise base.Failed(f"ID: {problem.detail}", {"argument": "ID"}) from problem
        shown = ids.encode("key", done.made.key.id)
        return base.Said(
            f"Key {shown} replaces {options['id']}, which ends {done.old_until:%Y-%m-%d %H:%M} UTC. "
            f"It is shown only now:\n{done.made.token}",
            {
                "id": shown,
                "key": done.made.token,
                "old_until": done.old_until.isoformat().replace("+00:00", "Z"),
            },
        )
