from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from people.services import person_by_email
from people.sso.identities import unlink


class Command(base.Command):
    help = "Unlinks a person from whoever they are at the identity provider."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("email", metavar="EMAIL")

    def run(self, **options: Any) -> base.Said:
        person = person_by_email(base.workspace_of(options), options["email"])
        unlink(actor=self.actor, user=person.user)
        return base.Said(
            f"Unlinked {person.user.email}: the roles of their groups ended, and the next sign-in there "
            "may link them anew.",
            {"id": ids.encode("per", person.id), "email": person.user.email},
        )
