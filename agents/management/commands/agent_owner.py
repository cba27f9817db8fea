from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.services import agent_by_name, change_owner
from core import ids
from people.management import base
from people.services import person_by_email


class Command(base.Command):
    help = "Lets somebody else answer for an agent."
    spelling = {"agent": "AGENT", "email": "EMAIL", "owner": "EMAIL"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("agent", metavar="AGENT", help="its name")
        parser.add_argument("owner", metavar="EMAIL", help="never decides on its requests")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        agent = agent_by_name(workspace, options["agent"])
        owner = person_by_email(workspace, options["owner"])
        changed = change_owner(actor=self.actor, agent=agent, owner=owner)
        text = "answers" if changed else "answers already"
        return base.Said(
            f"{owner.name} {text} for {agent.name}.",
            {
                "id": ids.encode("agt", agent.id),
                "owner": ids.encode("per", owner.id),
                "changed": changed,
            },
        )
