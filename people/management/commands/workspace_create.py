from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from people.services import create_workspace


class Command(base.Command):
    help = "Creates a workspace: a tenant with its own people, agents, policy and log."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", metavar="SLUG", help="its name in addresses: lower-case letters, digits, -"
        )
        parser.add_argument("--name", default="", help="its name on pages (default: the slug)")

    def run(self, **options: Any) -> base.Said:
        workspace = create_workspace(actor=self.actor, slug=options["slug"], name=options["name"])
        shown = ids.encode("wsp", workspace.id)
        return base.Said(
            f"Created workspace {workspace.slug} ({shown}). Next: person_create, policy_apply.",
            {"id": shown, "slug": workspace.slug, "name": workspace.name},
        )
