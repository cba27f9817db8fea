from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from core import ids
from oversight.anchors.targets import add
from oversight.models import AnchorTarget
from people.management import base


class Command(base.Command):
    help = "Lets the checkpoints of a workspace's log go to one more place outside the database."
    spelling = {"url": "URL", "ca": "--ca", "file": "--file"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--file", action="store_true", help="the folder ASSENTRY_ANCHOR_DIR")
        where.add_argument("--webhook", metavar="URL", help="an address, told with a signature")
        where.add_argument("--tsa", metavar="URL", help="a timestamp authority (RFC 3161)")
        parser.add_argument(
            "--ca", metavar="FILE", help="certificates (PEM) that its timestamps must lead to"
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        if options["ca"] and not options["tsa"]:
            raise base.Failed("--ca belongs to --tsa.", {"argument": "--ca"}, code=2)
        kind = AnchorTarget.Kind.FILE
        if options["webhook"] is not None:
            kind = AnchorTarget.Kind.WEBHOOK
        elif options["tsa"] is not None:
            kind = AnchorTarget.Kind.TSA
        added = add(
            actor=self.actor,
            workspace=workspace,
            kind=kind,
            url=options["webhook"] if options["webhook"] is not None else options["tsa"],
            roots=_text(options["ca"]) if options["ca"] else None,
        )
        shown = ids.encode("anc", added.target.id)
        told = f"Anchor {shown} ({kind.value}) of {workspace.slug}."
        if kind is AnchorTarget.Kind.TSA and not options["ca"]:
            told += " Without --ca nobody looks whose timestamps they are."
        data: dict[str, Any] = {"id": shown, "type": kind.value}
        if added.secret:
            told += (
                f" Its secret is shown only now:\n{added.secret}\nOr verify v1a with {added.public}"
            )
            data |= {"secret": added.secret, "public_key": added.public}
        return base.Said(told, data)


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise base.Failed(
            f"--ca: {file} cannot be read as PEM.", {"argument": "--ca"}, code=2
        ) from error
