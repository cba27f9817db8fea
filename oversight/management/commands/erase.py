from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandParser

from core.problems import Problem
from oversight import erasure
from oversight.erasure import WHY, ErasureShown, Wanted
from oversight.management.told import named, refused
from people.management import base
from people.services import person_by_email


class Command(base.Command):
    help = "Erases what is said of somebody, everywhere it stands; it cannot be taken back."
    spelling = {"email": "--person"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--request", metavar="ID", help="all that one request says")
        what.add_argument(
            "--containing", metavar="TEXT", help="every request, record and run that holds it"
        )
        what.add_argument("--person", metavar="EMAIL", help="somebody who was deactivated")
        parser.add_argument("--reason", default="", metavar="TEXT", help="stays; name nobody in it")
        parser.add_argument("--dry-run", action="store_true", help="say what it would erase")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        subject: UUID | None = None
        if options["person"]:
            subject = person_by_email(workspace, options["person"]).id
        wanted = Wanted(
            workspace.id,
            options["reason"],
            request=named("req", options["request"], "--request"),
            containing=options["containing"],
            subject=subject,
        )
        try:
            done = erasure.erase(actor=self.actor, wanted=wanted, dry_run=options["dry_run"])
        except Problem as problem:
            raise refused(problem) from problem
        code = 1 if done.left or done.more else 0
        return base.Said(_sentence(done), msgspec.to_builtins(done), code)


def _sentence(done: ErasureShown) -> str:
    verb = "Would erase" if done.dry_run else "Erased"
    lines = [f"{verb} {done.count} of {done.scope}: {', '.join(done.subjects) or 'nothing'}."]
    lines += [f"Left {one.id}: {WHY[one.why]}" for one in done.left]
    if done.more:
        lines.append("There is more: run it again.")
    return "\n".join(lines)
