from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from audit.live import Wrong
from oversight.verifying import verify
from people.management import base


class Command(base.Command):
    help = "Holds a workspace's rows against its log, and the log against itself."
    trouble = 2

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            found = verify(workspace.id)
        except Wrong as wrong:
            data = {
                "ok": False,
                "why": wrong.why,
                "position": wrong.position,
                "within": wrong.within,
                "about": wrong.about,
            }
            return base.Said(f"WRONG: {wrong}", data, code=1)
        said = (
            f"OK: {found.events:,} events, unbroken; {found.requests:,} requests and "
            f"{found.policy_versions:,} policy versions are as the log tells them."
        )
        data = {
            "ok": True,
            "events": found.events,
            "requests": found.requests,
            "policy_versions": found.policy_versions,
        }
        return base.Said(said, data)
