from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from oversight.invitations import invite
from oversight.people import PERMISSIONS
from people.management import base


class Command(base.Command):
    help = (
        "Invites somebody to a workspace: they get a mail with a link that sets their password. "
        "Without a mail server, or with --show, the link is printed to hand over."
    )
    spelling = {"name": "--name", "role": "--role", "permission": "--permission"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("email", metavar="EMAIL", help="who: one user per address")
        parser.add_argument("--name", default="", help="the name to show, of a new user")
        parser.add_argument(
            "--role", action="append", default=[], metavar="ROLE", help="a role to give by hand"
        )
        parser.add_argument(
            "--permission",
            action="append",
            default=[],
            choices=PERMISSIONS,
            help="a permission to give; none of them decides",
        )
        parser.add_argument("--show", action="store_true", help="print the link as well")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        invited = invite(
            actor=self.actor,
            workspace=workspace,
            email=options["email"],
            name=options["name"],
            roles=options["role"],
            permissions=options["permission"],
            show=options["show"],
        )
        made, email = invited.made, invited.person.user.email
        text = f"Invited {email} to {workspace.slug}."
        if invited.notice:
            text += " The user existed already: name and password are unchanged."
        if made.mailed:
            text += " A mail is on its way."
        if made.url:
            text += f"\n{made.url}\nHand it to them alone: it works once, for seven days."
        return base.Said(
            text,
            {
                "id": ids.encode("per", invited.person.id),
                "email": email,
                "notice": invited.notice,
                "mailed": made.mailed,
                "link": made.url,
            },
        )
