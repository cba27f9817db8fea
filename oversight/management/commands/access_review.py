from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oversight import access_review
from people.management import base
from people.management.instants import instant


class Command(base.Command):
    help = "Says who could decide, read and change what in a workspace at an instant."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument(
            "--at", type=instant, required=True, help="such as 2026-11-01T00:00:00Z"
        )
        parser.add_argument("--csv", action="store_true", help="print CSV instead of sentences")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        found = access_review.review(workspace=workspace.id, at=options["at"])
        text = access_review.as_csv(found).rstrip() if options["csv"] else _text(found)
        return base.Said(text, found)


def _text(found: dict[str, Any]) -> str:
    lines = [f"At {found['at']}:"]
    for one in found["people"]:
        roles = ", ".join(f"{held['name']} ({held['source']})" for held in one["roles"])
        state = "" if one["active"] else " (not active: could use none of it)"
        lines.append(f"{one['email']}{state}: {roles or 'no role'}")
        if one["permissions"]:
            lines.append(f"  may {', '.join(one['permissions'])}")
    return "\n".join([*lines, found["derived"]])
