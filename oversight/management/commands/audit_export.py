from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from django.core.management.base import CommandParser

from audit.sequencer import sequence
from core import due, ids
from oversight.exports import asking, keeping
from oversight.exports.asking import Ask
from oversight.exports.query import read
from oversight.models import Export
from people.management import base

#: Options that narrow, and what they are called in a query.
CONDITIONS: Final = {
    "since": ("from", "from this instant on, such as 2026-03-29T00:00:00Z"),
    "until": ("until", "before this instant"),
    "agent": ("agent", "an agent, by name or id: what it did, its requests and runs"),
    "action": ("action", "requests of this action"),
    "role": ("role", "requests that this role was asked about"),
    "outcome": ("outcome", "requests that were approved, rejected, …, or are pending"),
    "kind": ("kind", "one kind of event, or all of a noun: request.*"),
    "subject": ("subject", "the id of what events are about"),
}
_SAY_S: Final = 1.0


class Command(base.Command):
    help = (
        "Writes a workspace's log, or a part of it, to a file, to standard output, or to the store."
    )
    spelling = {
        **{name: f"--{option}" for option, (name, _) in CONDITIONS.items()},
        "target": "--to-s3",
    }

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--out", metavar="FILE", help="default: exp_….jsonl here; - is standard output"
        )
        where.add_argument("--to-s3", action="store_true", help="the store of ASSENTRY_S3_ENDPOINT")
        parser.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")
        for option, (_, said) in CONDITIONS.items():
            parser.add_argument(f"--{option}", help=said)

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        given = {name: options[option] for option, (name, _) in CONDITIONS.items()}
        target = Export.Target.S3 if options["to_s3"] else Export.Target.DOWNLOAD
        wanted = Ask(read(workspace.id, given), Export.Format(options["format"]), target)
        if options["out"] == "-" and options["json"]:
            raise base.Failed("--json and the file cannot both go to standard output.", code=2)
        sequence(workspace.id)  # what has happened by now shall be in it
        export = asking.ask(actor=self.actor, workspace=workspace.id, wanted=wanted)
        if target == Export.Target.S3:
            _write(export, None)
            return self._said(_ended(export), "the store")
        return self._to_file(export, options["out"])

    def _to_file(self, export: Export, out: str | None) -> base.Said:
        if out == "-":
            _write(export, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            self.stdout = self.stderr  # standard output is the file
            return self._said(_ended(export), "standard output")
        path = Path(out or asking.file_name(export))
        beside = path.with_name(f".{path.name}.part")
        try:
            with beside.open("wb") as file:
                _write(export, file)
            ended = _ended(export)
            beside.replace(path)
            if export.format == Export.Format.CSV:
                path.with_name(f"{path.name}.manifest").write_text(
                    ended.manifest or "", encoding="utf-8"
                )
        except OSError as error:
            raise base.Failed(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            beside.unlink(missing_ok=True)
        return self._said(ended, str(path))

    def _said(self, export: Export, where: str) -> base.Said:
        shown = asking.shown(export)
        if shown.object is not None:
            where = f"{where}: {shown.object}"
        text = (
            f"Export {shown.id} of {shown.events:,} events, {shown.bytes:,} bytes, to {where}.\n"
            f"SHA-256 {shown.sha256}"
        )
        return base.Said(text, msgspec.to_builtins(shown) | {"file": where})


def _write(export: Export, file: BinaryIO | None) -> None:
    """Write it in this process, whoever was about to do it."""
    said = 0.0

    def told(events: int, walked: int, size: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _SAY_S or walked == size:
            said = time.monotonic()
            share = 100 * walked // size if size else 100
            sys.stderr.write(f"{share:3d} %  {events:,} events\n")
            sys.stderr.flush()

    for row in due.take(keeping.EXPORT, [export.id]):
        keeping.write(row, told=told, taken=None if file is None else file.write)


def _ended(export: Export) -> Export:
    found = Export.objects.get(id=export.id)
    if found.state == Export.State.READY:
        return found
    shown = ids.encode("exp", export.id)
    text = found.error or "Another process writes it."
    raise base.Failed(f"Export {shown} is {found.state}: {text}", {"id": shown})
