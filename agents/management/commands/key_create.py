from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.authentication import SCOPES
from agents.models import Key
from agents.services import agent_by_name, create_key
from core import durations, ids
from people.management import base


class Command(base.Command):
    help = "Makes another key; keys that exist stay valid until they are revoked or expire."
    spelling = {"agent": "--agent", "rate-limit": "--rate-limit", "scope": "--scope"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument(
            "--kind", required=True, choices=Key.Kind.values, help="agt: an agent's key"
        )
        parser.add_argument("--agent", required=True, metavar="NAME", help="whose key")
        parser.add_argument("--expires-in", metavar="30d", help="90s, 15m, 4h or 2d; default never")
        parser.add_argument(
            "--rate-limit", type=int, metavar="N", help="calls a minute; default unlimited"
        )

        parser.add_argument(
            "--scope",
            action="append",
            metavar="SCOPE",
            help=f"what it may do, may be repeated; default {' and '.join(SCOPES)}",
        )

    def run(self, **options: Any) -> base.Said:
        written = options["expires_in"]
        try:
            expires_in = durations.parse(written) if written is not None else None
        except durations.DurationError as error:
            raise base.Failed(f"--expires-in: {error}", {"argument": "--expires-in"}) from error
        made = create_key(
            actor=self.actor,
            agent=agent_by_name(base.workspace_of(options), options["agent"]),
            expires_in=expires_in,
            rate_limit=options["rate_limit"],
            scopes=options["scope"] or SCOPES,
        )
        shown, ends = ids.encode("key", made.key.id), made.key.expires_at
        until = f", valid until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
        return base.Said(
            f"Key {shown} of {options['agent']}{until}. It is shown only now:\n{made.token}",
            {
                "id": shown,
                "key": made.token,
                "expires_at": ends.isoformat().replace("+00:00", "Z") if ends else None,
            },
        )
