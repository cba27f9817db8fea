from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.services import revoke_key
from core import ids
from people.management import base


class Command(base.Command):
    help = "Ends a key for good, within a second, also for calls that wait under it."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("id", metavar="ID", help="key_…, as key_create printed it")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            key_id = ids.decode("key", options["id"])
        except ids.BadId as error:
            raise base.Failed(f"ID: {error}", {"argument": "ID"}) from error
        changed = revoke_key(actor=self.actor, workspace=workspace, key_id=key_id)
        text = "Revoked" if changed else "Already revoked:"
        return base.Said(f"{text} {options['id']}.", {"id": options["id"], "changed": changed})
