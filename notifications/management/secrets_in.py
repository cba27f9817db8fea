"""Secrets that a command is given: on standard input, never among its arguments, which others can read."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Final

from people.management import base

#: More than any secret and its name.
MOST: Final = 10_000


def one(what: str) -> str:
    """The one line that standard input holds.

    Raises:
        Failed: there is none, or more.
    """
    lines = [line.strip() for line in _read().splitlines() if line.strip()]
    if len(lines) != 1:
        raise base.Failed(f"Write {what} to standard input, and nothing else.", code=2)
    return lines[0]


def named(names: Sequence[str]) -> dict[str, str]:
    """Secrets by name: one JSON object, or lines ``name=value``.

    Raises:
        Failed: it is neither, or holds a name that is none of these.
    """
    text = _read().strip()
    listed = ", ".join(names)
    try:
        found = json.loads(text) if text.startswith("{") else _lines(text)
    except ValueError as error:
        raise base.Failed(
            f"Write {listed} to standard input: one JSON object, or lines name=value.", code=2
        ) from error
    unknown = sorted(set(found) - set(names))
    if unknown or not all(isinstance(value, str) for value in found.values()):
        raise base.Failed(
            f"Standard input may name {listed}, each with a text.",
            {"argument": unknown[0]} if unknown else {},
            code=2,
        )
    return found


def _lines(text: str) -> dict[str, str]:
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    if not pairs or any(not equals for _, equals, _ in pairs):
        raise ValueError(text)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read() -> str:
    try:
        text = sys.stdin.buffer.read(MOST + 1).decode()
    except UnicodeDecodeError as error:
        raise base.Failed("Standard input is not UTF-8.", code=2) from error
    if len(text) > MOST:
        raise base.Failed("Standard input is too long.", code=2)
    return text
