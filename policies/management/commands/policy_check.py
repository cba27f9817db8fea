from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from people.management import base
from people.services import workspace_by_slug
from policies import outlook
from policies.errors import PolicyErrors
from policies.management.documents import add_document, faulty, read, with_warnings
from policies.services import check


class Command(base.Command):
    trouble = 2
    help = "Says what is wrong with a policy, its own tests included, and saves nothing."
    spelling = {"slug": "--workspace"}

    def arguments(self, parser: CommandParser) -> None:
        add_document(parser)
        parser.add_argument(
            "--workspace", metavar="SLUG", help="also check that its members are people of this one"
        )

    def run(self, **options: Any) -> base.Said:
        slug = options["workspace"]
        text = read(options["file"])
        workspace = workspace_by_slug(slug) if slug is not None else None
        try:
            document = check(workspace=workspace, text=text)
        except PolicyErrors as found:
            return faulty(options["file"], found)
        counted = {
            "roles": len(document.roles),
            "actions": len(document.actions),
            "rules": len(document.rules),
            "tests": len(document.tests),
        }
        told = ", ".join(f"{what} {number}" for what, number in counted.items())
        warnings = (
            [] if workspace is None else outlook.warnings(workspace=workspace, document=document)
        )
        return base.Said(
            with_warnings(f"{options['file']} is a policy: {told}.", warnings),
            {"ok": True, "errors": [], "warnings": warnings, **counted},
        )
