from __future__ import annotations

import time
from typing import Any, Final

from django.core.management.base import CommandParser

from core.problems import Problem
from notifications import trials
from people.management import base

#: How long it is waited for the worker, and how often it is looked.
WAIT_S: Final = 15.0
LOOK_S: Final = 0.25


class Command(base.Command):
    help = "Sends a test to a channel that only tells, and says what came of it."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="as channel_list shows it")
        parser.add_argument(
            "--no-wait", action="store_true", help="do not wait for the worker to send it"
        )

    def run(self, **options: Any) -> base.Said:
        workspace, name = base.workspace_of(options), options["name"]
        try:
            test = trials.other(workspace=workspace.id, name=name)
        except Problem as problem:
            raise base.Failed(
                f"NAME: {workspace.slug} has no channel “{name}”: see channel_list.",
                {"argument": "NAME"},
            ) from problem
        until = time.monotonic() + (0 if options["no_wait"] else WAIT_S)
        found = trials.one(workspace=workspace.id, notification=test)
        while found.state == "pending" and not found.reason and time.monotonic() < until:
            time.sleep(LOOK_S)
            found = trials.one(workspace=workspace.id, notification=test)
        said = {"sent": "The test arrived.", "failed": f"It did not arrive: {found.reason}."}
        waits = f"It waits: {found.reason or 'the worker has not sent it yet'}."
        data = {"name": name, "state": found.state, "reason": found.reason}
        failed = found.state == "failed" or bool(found.reason)
        return base.Said(said.get(found.state, waits), data, code=1 if failed else 0)
