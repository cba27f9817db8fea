from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core.problems import Problem
from oversight import retention
from oversight.management.told import refused
from people.management import base


class Command(base.Command):
    help = "Says how many days a workspace keeps what ended requests say."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--days", type=int, metavar="N", help="from 1")
        how.add_argument("--forever", action="store_true", help="nothing is erased by its age")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        days = None if options["forever"] else options["days"]
        try:
            changed = retention.set_days(actor=self.actor, workspace=workspace.id, days=days)
        except Problem as problem:
            raise refused(problem) from problem
        kept = "for ever" if days is None else f"for {days} days after they ended"
        said = "now keeps" if changed else "keeps already"
        return base.Said(
            f"{workspace.slug} {said} what requests say {kept}.",
            {"slug": workspace.slug, "days": days, "changed": changed},
        )
