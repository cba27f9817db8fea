"""JSON pointers (RFC 6901) into payloads: reading, and hiding what they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from core.canonical import JSON

#: What stands in place of a value that policy calls sensitive.
HIDDEN: Final = "•••"
MAX_LENGTH: Final = 500

_POINTER: Final = re.compile(r"(/([^~/]|~[01])*)*")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


class BadPointerError(ValueError):
    """Write a JSON pointer (RFC 6901): “/amount”, “/customer/name”."""


class AbsentError(LookupError):
    """The payload has nothing where the pointer points."""


def parse(text: str) -> tuple[str, ...]:
    """Return the unescaped steps of a pointer; BadPointerError with the fix."""
    if len(text) > MAX_LENGTH or not _POINTER.fullmatch(text):
        raise BadPointerError(BadPointerError.__doc__)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def step_to(name: str) -> str:
    """Return the pointer `/name`, escaped."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def follow(value: JSON, steps: Sequence[str]) -> JSON:
    """Return what `steps` lead to in `value`; AbsentError when nothing is there."""
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            raise AbsentError(step)
    return value


def hide(value: JSON, pointers: Sequence[tuple[str, ...]]) -> JSON:
    """Return `value` with HIDDEN wherever one of `pointers` points; the input is not changed."""
    here = [steps for steps in pointers if not steps]
    if here:
        return HIDDEN
    if isinstance(value, dict):
        return {name: hide(child, _below(pointers, name)) for name, child in value.items()}
    if isinstance(value, list):
        return [hide(child, _below(pointers, str(at))) for at, child in enumerate(value)]
    return value


def _below(pointers: Sequence[tuple[str, ...]], step: str) -> list[tuple[str, ...]]:
    return [steps[1:] for steps in pointers if steps[0] == step]
