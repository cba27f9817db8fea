from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from policies import outlook
from policies.errors import PolicyErrors
from policies.management.documents import (
    add_document,
    fault_lines,
    read,
    shown_faults,
    with_warnings,
)
from policies.services import apply


class Command(base.Command):
    spelling = {"comment": "--comment"}
    help = "Checks a policy, saves it as the next version and makes it the active one."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        add_document(parser)
        parser.add_argument("--comment", default="", help="why, for whoever looks at it later")

    def run(self, **options: Any) -> base.Said:
        workspace, file = base.workspace_of(options), options["file"]
        try:
            applied = apply(
                actor=self.actor,
                workspace=workspace,
                text=read(file),
                comment=options["comment"].strip(),
            )
        except PolicyErrors as found:
            raise base.Failed(
                "\n".join(["Nothing was applied:", *fault_lines(file, found)]),
                {"argument": "FILE", "errors": shown_faults(found)},
            ) from found
        number = applied.version.number
        text = (
            f"Version {number} is active in {workspace.slug}."
            if applied.is_new
            else f"Nothing changed: version {number} of {workspace.slug} has this very text."
        )
        changes = applied.roles
        warnings = outlook.warnings(workspace=workspace, document=applied.document)
        return base.Said(
            with_warnings(text, warnings),
            {
                "id": ids.encode("pol", applied.version.id),
                "version": number,
                "changed": applied.is_new,
                "roles_created": changes.created,
                "granted": [[role, ids.encode("per", person)] for role, person in changes.granted],
                "revoked": [[role, ids.encode("per", person)] for role, person in changes.revoked],
                "warnings": warnings,
            },
        )
