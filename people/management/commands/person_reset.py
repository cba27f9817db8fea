from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core.emails import normal_email
from people.management import base
from people.models import User
from people.resets import print_link


class Command(base.Command):
    help = (
        "Prints a link with which a user of this server sets a new password: once, within an hour."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="the user, in whichever workspaces")

    def run(self, **options: Any) -> base.Said:
        email = normal_email(options["email"])
        user = User.objects.filter(email=email).first()
        if user is None:
            raise base.Failed(f"EMAIL: “{email}” is no user of this server.", {"argument": "EMAIL"})
        if not user.is_active or not user.person_set.filter(active=True).exists():
            raise base.Failed(
                f"EMAIL: “{email}” is active in no workspace: the link would open nothing.",
                {"argument": "EMAIL"},
            )
        made = print_link(actor=self.actor, user=user)
        return base.Said(
            f"{made.url}\nHand it to {email} alone: it works once, within an hour.",
            {"email": email, "link": made.url},
        )
