from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from audit.log import rfc3339
from oversight.sampling import ALGORITHM, draw
from people.management import base
from people.management.instants import instant, positive


class Command(base.Command):
    help = "Draws requests for an examination, so that anybody can draw the same ones again."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("--count", type=positive, required=True, help="how many")
        parser.add_argument("--seed", required=True, help="any text; write it down")
        parser.add_argument("--since", type=instant, help="created from this instant on")
        parser.add_argument("--until", type=instant, help="created before this instant")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        since, until, seed = options["since"], options["until"], options["seed"]
        sample = draw(
            workspace=workspace.id, seed=seed, count=options["count"], since=since, until=until
        )
        data = {
            "requests": sample.ids,
            "among": sample.among,
            "seed": seed,
            "since": rfc3339(since) if since else None,
            "until": rfc3339(until) if until else None,
            "algorithm": ALGORITHM,
        }
        return base.Said("\n".join(sample.ids) or "There is none in that time.", data)
