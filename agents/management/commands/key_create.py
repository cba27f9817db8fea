from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.authentication import SCOPES
from agents.models import Key
from agents.services import (
    NewKey,
    agent_by_name,
    create_auditor_key,
    create_key,
    create_tool_key,
)
from core import durations, ids
from people.management import base


class Command(base.Command):
    help = "Makes another key; keys that exist stay valid until they are revoked or expire."
    spelling = {
        "agent": "--agent",
        "rate-limit": "--rate-limit",
        "scope": "--scope",
        "action": "--action",
        "name": "--name",
    }

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument(
            "--kind",
            required=True,
            choices=Key.Kind.values,
            help="agt: an agent's key, tool: one that uses permits, aud: one that reads the log",
        )
        parser.add_argument("--agent", metavar="NAME", help="agt: whose key")
        parser.add_argument("--name", metavar="NAME", help="tool, aud: what it is called")
        parser.add_argument(
            "--action",
            action="append",
            metavar="ACTION",
            help="tool: whose permits it may use, may be repeated; default every action",
        )
        parser.add_argument("--expires-in", metavar="30d", help="90s, 15m, 4h or 2d; default never")
        parser.add_argument(
            "--rate-limit", type=int, metavar="N", help="agt: calls a minute; default unlimited"
        )

        parser.add_argument(
            "--scope",
            action="append",
            metavar="SCOPE",
            help=f"agt: what it may do, may be repeated; default {' and '.join(SCOPES)}",
        )

    def run(self, **options: Any) -> base.Said:
        _check(options)
        made = self._made(options)
        shown, ends = ids.encode("key", made.key.id), made.key.expires_at
        until = f", valid until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
        whose = options["agent"] or made.key.name
        return base.Said(
            f"Key {shown} of {whose}{until}. It is shown only now:\n{made.token}",
            {
                "id": shown,
                "key": made.token,
                "expires_at": ends.isoformat().replace("+00:00", "Z") if ends else None,
            },
        )

    def _made(self, options: dict[str, Any]) -> NewKey:
        written = options["expires_in"]
        try:
            expires_in = durations.parse(written) if written is not None else None
        except durations.DurationError as error:
            raise base.Failed(f"--expires-in: {error}", {"argument": "--expires-in"}) from error
        workspace = base.workspace_of(options)
        if options["kind"] == Key.Kind.TOOL:
            return create_tool_key(
                actor=self.actor,
                workspace=workspace,
                name=options["name"],
                actions=options["action"] or (),
                expires_in=expires_in,
            )
        if options["kind"] == Key.Kind.AUDITOR:
            return create_auditor_key(
                actor=self.actor, workspace=workspace, name=options["name"], expires_in=expires_in
            )
        return create_key(
            actor=self.actor,
            agent=agent_by_name(workspace, options["agent"]),
            expires_in=expires_in,
            rate_limit=options["rate_limit"],
            scopes=options["scope"] or SCOPES,
        )


#: Options by the kind of key that they are for; the first of each is required.
_FOR = {"agt": ("agent", "rate_limit", "scope"), "tool": ("name", "action"), "aud": ("name",)}


def _check(options: dict[str, Any]) -> None:
    """Each kind of key has options of its own."""
    kind = options["kind"]
    needed = _FOR[kind][0]
    if not options[needed]:
        raise base.Failed(
            f"--{needed}: a key of kind {kind} needs it.", {"argument": f"--{needed}"}, 2
        )
    for name in sorted({name for names in _FOR.values() for name in names} - {*_FOR[kind]}):
        if options[name] is not None:
            written = f"--{name.replace('_', '-')}"
            takes = " or ".join(other for other, names in _FOR.items() if name in names)
            raise base.Failed(
                f"{written}: only for keys of kind {takes}.", {"argument": written}, 2
            )
