from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from agents.services import create_agent, create_key
from core import ids
from people.management import base
from people.services import person_by_email


class Command(base.Command):
    help = "Registers an agent with the person who answers for it, and makes its first key."
    spelling = {"email": "--owner", "name": "NAME"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="what people will see")
        parser.add_argument(
            "--owner", required=True, metavar="EMAIL", help="never decides on its requests"
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        owner = person_by_email(workspace, options["owner"])
        with transaction.atomic():
            agent = create_agent(
                actor=self.actor, workspace=workspace, name=options["name"], owner=owner
            )
            made = create_key(actor=self.actor, agent=agent)
        shown, key_id = ids.encode("agt", agent.id), ids.encode("key", made.key.id)
        return base.Said(
            f"Registered {agent.name} ({shown}). Its key ({key_id}) is shown only now:\n{made.token}",
            {"id": shown, "name": agent.name, "key_id": key_id, "key": made.token},
        )
