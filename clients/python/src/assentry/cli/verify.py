"""Checking an exported log, and saying what came of it in a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from assentry.audit import (
    BadNote,
    Checkpoint,
    Key,
    Report,
    UnknownSigner,
    Wrong,
    check,
    check_stream,
    open_checkpoint,
)

#: Keys and anchors are short texts.
_NOTE_AT_MOST = 1 << 20
_JOBS_AT_MOST = 4


def verify(file: str, keys: Sequence[str], anchors: Sequence[Path], *, as_json: bool) -> None:
    """Check ``file`` (``-`` is standard input), and print what it is; raises as `checked`."""
    report = checked(file, keys, anchors, as_json=as_json)
    print(json.dumps(_right(report)) if as_json else _sentence(report))


def checked(file: str, keys: Sequence[str], anchors: Sequence[Path], *, as_json: bool) -> Report:
    """What a file is that is right.

    Raises:
        typer.BadParameter: a key or an anchor is none, or something cannot be read.
        typer.Exit: it is wrong, with code 1; why is printed.
    """
    trusted = [key for text in keys for key in _keys(text)]
    held = [_anchor(path, trusted) for path in anchors]
    try:
        if file == "-":
            return check_stream(sys.stdin.buffer, trusted, held)
        jobs = min(_JOBS_AT_MOST, os.cpu_count() or 1)
        return check(Path(file), trusted, held, jobs=jobs)
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror or error}: {file}", param_hint="FILE") from None
    except Wrong as wrong:
        if as_json:
            print(json.dumps(_wrong(wrong)))
        else:
            print(f"WRONG: {wrong}")
        raise typer.Exit(1) from None


def _keys(text: str) -> list[Key]:
    """The verifier key itself, or those in a file, one a line."""
    try:
        return [Key.parse(text)]
    except BadNote as error:
        path = Path(text)
        if not path.is_file():
            raise typer.BadParameter(f"{error} Nor is it a file.", param_hint="--key") from None
    lines = [line for line in _text(path, "--key").splitlines() if line.strip()]
    if not lines:
        raise typer.BadParameter(f"{text} holds no key.", param_hint="--key")
    try:
        return [Key.parse(line) for line in lines]
    except BadNote as error:
        raise typer.BadParameter(f"{text}: {error}", param_hint="--key") from None


def _anchor(path: Path, keys: Sequence[Key]) -> Checkpoint:
    try:
        return open_checkpoint(_text(path, "--anchor"), keys)
    except UnknownSigner:
        told = "It is signed by no --key. After a rotation, give the older key as well."
    except BadNote as error:
        told = str(error)
    raise typer.BadParameter(f"{path}: {told}", param_hint="--anchor")


def _text(path: Path, option: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_NOTE_AT_MOST + 1)
        if len(raw) > _NOTE_AT_MOST:
            raise typer.BadParameter(f"{path} is too long.", param_hint=option)
        return raw.decode()
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror}: {path}", param_hint=option) from None
    except ValueError:
        raise typer.BadParameter(f"{path} is no text.", param_hint=option) from None


def _sentence(report: Report) -> str:
    events = f"{report.events:,} events"
    if report.events != report.size:
        events = f"{report.events:,} of {report.size:,} events"
    anchored = ", ".join(f"{size:,}" for size in report.anchored)
    ends = f"anchored at {anchored} events" if anchored else "held against no anchor"
    signed = f"signed by {report.key.name}+{report.key.id.hex()}"
    return f"OK: {events}, unbroken, {signed}, exported {report.created_at}, {ends}."


def _right(report: Report) -> dict[str, Any]:
    return {
        "ok": True,
        "origin": report.origin,
        "events": report.events,
        "size": report.size,
        "root": report.root.hex(),
        "export": report.export,
        "created_at": report.created_at,
        "query": report.query,
        "key": f"{report.key.name}+{report.key.id.hex()}",
        "anchored": report.anchored,
    }


def _wrong(wrong: Wrong) -> dict[str, Any]:
    return {
        "ok": False,
        "why": wrong.why,
        "position": wrong.position,
        "within": wrong.within,
        "line": wrong.line,
    }
