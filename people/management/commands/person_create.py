from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.emails import normal_email
from people.management import base
from people.models import User
from people.services import create_person


class Command(base.Command):
    help = (
        "Adds a person to a workspace, and makes the user when the address is new. "
        "Never changes the name or password of a user who exists."
    )
    spelling = {"name": "--name", "password": "--password-stdin"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("email", metavar="EMAIL", help="who: one user per address")
        parser.add_argument("--name", default="", help="the name to show")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password from standard input (without one, nobody signs in as them)",
        )
        parser.add_argument(
            "--administrator", action="store_true", help="may manage people, agents and settings"
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        password = sys.stdin.read().rstrip("\r\n") if options["password_stdin"] else None
        known = User.objects.filter(email=normal_email(options["email"])).exists()
        person = create_person(
            actor=self.actor,
            workspace=workspace,
            email=options["email"],
            name=options["name"],
            password=password,
            administrator=options["administrator"],
        )
        shown = ids.encode("per", person.id)
        note = " The user existed already: name and password are unchanged." if known else ""
        return base.Said(
            f"Added {person.user.email} to {workspace.slug} ({shown}).{note}",
            {"id": shown, "email": person.user.email, "user_existed": known},
        )
