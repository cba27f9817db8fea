from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from people.management import base
from policies.comparing import compare
from policies.errors import PolicyErrors
from policies.management.documents import add_document, faulty, read


class Command(base.Command):
    trouble = 2
    help = "Says what a policy would change against the active version, and saves nothing."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        add_document(parser)

    def run(self, **options: Any) -> base.Said:
        workspace, text = base.workspace_of(options), read(options["file"])
        try:
            found = compare(workspace=workspace, text=text)
        except PolicyErrors as error:
            return faulty(options["file"], error)
        against = f"version {found.against}" if found.against else "no version: none is active"
        lines = [change.text for change in found.changes]
        lines += ["What comes of it:"] if found.effects else []
        lines += [effect.text for effect in found.effects]
        differs = bool(found.changes or found.effects)
        text = (
            "\n".join([f"Against {against}:", *lines])
            if differs
            else f"Nothing changes against {against}."
        )
        data = {
            "ok": True,
            "errors": [],
            "against": found.against,
            "changes": [asdict(change) for change in found.changes],
            "effects": [{**asdict(effect), "text": effect.text} for effect in found.effects],
        }
        return base.Said(text, data, code=1 if differs else 0)
