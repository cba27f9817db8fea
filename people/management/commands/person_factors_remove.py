from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core.emails import normal_email
from people import errors
from people.factors import remove_all
from people.management import base
from people.models import User


class Command(base.Command):
    help = (
        "Takes every second factor of a user away, and ends their sessions: for somebody who lost them. "
        "The password alone signs in then. Make sure who asks."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="who: one user per address")

    def run(self, **options: Any) -> base.Said:
        user = User.objects.filter(email=normal_email(options["email"])).first()
        if user is None:
            raise errors.NoSuchUser(email=options["email"])
        removed = remove_all(actor=self.actor, user=user)
        text = f"Took {len(removed)} away from {user.email}; every session of theirs has ended."
        return base.Said(text, {"email": user.email, "removed": removed})
