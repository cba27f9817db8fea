from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from core.problems import Problem
from notifications.management import secrets_in
from notifications.pagers import registry
from people.management import base


class Command(base.Command):
    help = (
        "Adds a pager that escalations may call: PagerDuty, whose routing key comes on standard input, "
        "or an address that takes signed messages."
    )

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="as policies name it, such as night-desk")
        parser.add_argument(
            "--pagerduty",
            action="store_true",
            help="read the integration key of a service (Events API v2) from standard input",
        )
        parser.add_argument(
            "--url",
            default="",
            help="the webhook's address; with --pagerduty, another than PagerDuty's usual one",
        )

    def run(self, **options: Any) -> base.Said:
        workspace, name = base.workspace_of(options), options["name"]
        if not options["pagerduty"] and not options["url"]:
            raise base.Failed(
                "Say what it is: --pagerduty, or --url ADDRESS.", {"argument": "--url"}, code=2
            )
        key = secrets_in.one("the integration key of PagerDuty's") if options["pagerduty"] else None
        try:
            made = registry.add(
                actor=self.actor,
                workspace=workspace,
                name=name,
                url=options["url"],
                routing_key=key,
            )
        except Problem as problem:
            pointers = {"/name": "NAME", "/url": "--url", "/routing_key": "standard input"}
            raise base.refused(problem, pointers) from problem
        said = f"Escalations may call it now: {{after: 1h, page: {name}}}."
        if made.secret is not None:
            said += f" Its messages are signed with {made.secret}, which is shown this once."
        shown = {"id": ids.encode("pgr", made.pager.id), "name": name, "kind": made.pager.kind}
        return base.Said(said, shown | ({"secret": made.secret} if made.secret else {}))
