from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.services import agent_by_name
from callbacks.endpoints import Wanted, create
from core import ids
from core.problems import Problem
from people.management import base


class Command(base.Command):
    help = "Registers an address that an agent's callbacks go to, and shows its secret."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("agent", metavar="AGENT", help="its name")
        parser.add_argument("url", metavar="URL", help="where callbacks go")
        parser.add_argument(
            "--event", action="append", metavar="TYPE", help="may be repeated; default every type"
        )

    def run(self, **options: Any) -> base.Said:
        agent = agent_by_name(base.workspace_of(options), options["agent"])
        wanted = Wanted(url=options["url"], events=options["event"] or [])
        try:
            made = create(actor=self.actor, agent=agent, wanted=wanted)
        except Problem as problem:
            raise base.refused(problem, {"/url": "URL", "/events": "--event"}) from problem
        shown = ids.encode("end", made.endpoint.id)
        return base.Said(
            f"Endpoint {shown} of {agent.name}. Its secret is shown only now:\n{made.secret}\n"
            f"Or verify v1a with the public key {made.public}",
            {"id": shown, "secret": made.secret, "public_key": made.public},
        )
