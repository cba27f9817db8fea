from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.models import Agent
from agents.services import agent_by_name
from core import ids
from core.problems import Problem
from oversight.agents import set_state
from people.management import base


class Command(base.Command):
    help = "Suspends, resumes or retires an agent. Retiring is final; what the kill switch holds, undoing its use gives back."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("agent", metavar="AGENT", help="its name")
        parser.add_argument("state", metavar="STATE", choices=Agent.State.values)

    def run(self, **options: Any) -> base.Said:
        agent = agent_by_name(base.workspace_of(options), options["agent"])
        try:
            changed = set_state(actor=self.actor, agent=agent, state=Agent.State(options["state"]))
        except Problem as problem:
            raise base.refused(problem, {}) from problem
        return base.Said(
            f"{agent.name} is {options['state']}{'' if changed else ' already'}.",
            {"id": ids.encode("agt", agent.id), "state": options["state"], "changed": changed},
        )
