from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from core import ids
from people.management import base
from policies.errors import PolicyErrors
from policies.services import apply


class Command(base.Command):
    help = "Checks a policy, saves it as the next version and makes it the active one."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("file", metavar="FILE", help="YAML or JSON; - is standard input")

    def run(self, **options: Any) -> base.Said:
        workspace, file = base.workspace_of(options), options["file"]
        try:
            applied = apply(actor=self.actor, workspace=workspace, text=_read(file))
        except PolicyErrors as found:
            lines = [f"{file}:{error}" for error in found.errors]
            raise base.Failed(
                "\n".join(["Nothing was applied:", *lines]),
                {
                    "argument": "FILE",
                    "errors": [
                        {
                            "line": error.line,
                            "column": error.column,
                            "path": error.path,
                            "detail": error.detail,
                        }
                        for error in found.errors
                    ],
                },
            ) from found
        number = applied.version.number
        text = (
            f"Version {number} is active in {workspace.slug}."
            if applied.is_new
            else f"Nothing changed: version {number} of {workspace.slug} has this very text."
        )
        changes = applied.roles
        return base.Said(
            text,
            {
                "id": ids.encode("pol", applied.version.id),
                "version": number,
                "changed": applied.is_new,
                "roles_created": changes.created,
                "granted": [[role, ids.encode("per", person)] for role, person in changes.granted],
                "revoked": [[role, ids.encode("per", person)] for role, person in changes.revoked],
            },
        )


def _read(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode()
    except OSError as error:
        detail = f"FILE: {file} cannot be read ({error.strerror})."
        raise base.Failed(detail, {"argument": "FILE"}) from error
    except UnicodeDecodeError as error:
        detail = f"FILE: {file} is not UTF-8 text (byte {error.start})."
        raise base.Failed(detail, {"argument": "FILE"}) from error
