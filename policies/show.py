"""The one line that says what would happen: `Refund {payload.amount} to {payload.customer}`.

Fields only: a path of names through the payload, resolved by look-up in the JSON. There is no
expression, no attribute and no format specification that could run anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.canonical import JSON, canonical
from policies import pointers

MAX_TITLE: Final = 300
MAX_FIELD: Final = 120

_FIELD: Final = re.compile(r"\{payload((?:\.[A-Za-z0-9_-]{1,64}){1,16})\}")
_BRACES: Final = re.compile(r"[{}]")


class TemplateError(Exception):
    """A template that cannot be read: at which character, and what to write."""

    def __init__(self, offset: int, detail: str) -> None:
        super().__init__(detail)
        self.offset = offset
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Template:
    """`texts` and the fields between them; there is one text more than fields."""

    source: str
    texts: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]

    def render(self, payload: JSON, sensitive: Sequence[tuple[str, ...]] = ()) -> str:
        """Return the line for `payload`; what is absent, hidden or cut is said in it."""
        line = self.texts[0]
        for steps, text in zip(self.fields, self.texts[1:], strict=True):
            line += _field(payload, steps, sensitive) + text
        return cut(line, MAX_TITLE)


def parse(source: str) -> Template:
    """Return the template; TemplateError at the first brace that opens no field."""
    texts, fields, at = [], [], 0
    for match in _FIELD.finditer(source):
        texts.append(source[at : match.start()])
        fields.append(tuple(match[1].split(".")[1:]))
        at = match.end()
    texts.append(source[at:])
    template = Template(source, tuple(texts), tuple(fields))
    stray = next((brace for brace in _BRACES.finditer(_blanked(source))), None)
    if stray:
        raise TemplateError(stray.start(), "A field is written {payload.name}; nothing else runs.")
    return template


def cut(text: str, limit: int) -> str:
    """Return `text`, or its beginning and how many characters are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def written(value: JSON) -> str:
    """Return a value as people read it: text as it is, all else in canonical JSON."""
    return value if isinstance(value, str) else canonical(value).decode()


def _field(payload: JSON, steps: tuple[str, ...], sensitive: Sequence[tuple[str, ...]]) -> str:
    if any(steps[: len(hidden)] == hidden for hidden in sensitive):
        return pointers.HIDDEN
    try:
        value = pointers.follow(payload, steps)
    except pointers.AbsentError:
        return f"⟨no {'.'.join(steps)}⟩"
    below = [rest[len(steps) :] for rest in sensitive if rest[: len(steps)] == steps]
    return cut(written(pointers.hide(value, below) if below else value), MAX_FIELD)


def _blanked(source: str) -> str:
    return _FIELD.sub(lambda match: " " * len(match[0]), source)
