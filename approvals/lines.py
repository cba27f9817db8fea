"""What will run, as rows a person can read: every value the agent sent, none left out.

What policy has a label for comes first, in its order; every other value follows under its own path.
A value is never taken from a label's summary, so that nothing can be cut, or hidden by depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from msgspec import Raw

from approvals.shape import FactShown, RequestObject
from approvals.status import Kind
from core.canonical import canonical

#: From this many characters on a value gets a frame that scrolls, and says how long it is.
LONG: Final = 600
#: Rows shown at once; more are folded, with their count, and still on the page.
FIRST_ROWS: Final = 120

_OPTION_LABEL: Final = re.compile(r"/options/\d+/label")
_WORDS: Final = frozenset({"true", "false", "null", ""})


@dataclass(frozen=True, slots=True)
class Row:
    """One value: ``label`` is policy's, or the path inside what was sent."""

    label: str
    text: str
    pointer: str
    note: str = ""
    covered: bool = False

    @property
    def long(self) -> bool:
        """Whether the value needs a frame of its own."""
        return len(self.text) > LONG


def rows(
    payload: Any, facts: Sequence[FactShown] = (), covered: frozenset[str] = frozenset()
) -> list[Row]:
    """All rows of a payload: labels and order are policy's, every value is the payload's own.

    ``covered`` are pointers whose values policy calls sensitive and the payload holds only masked.
    """
    listed: list[Row] = []
    for fact in facts:
        # A fact of the whole ("", as in "37 more members") names nothing that is not listed below.
        for value in at(payload, fact.pointer) if fact.pointer else ():
            listed.extend(_leaves(value, fact.pointer, (fact.label,)))
    told = {row.pointer for row in listed}
    listed.extend(row for row in _leaves(payload, "", ()) if row.pointer not in told)
    return [replace(row, covered=row.pointer in covered) for row in listed]


def of_request(shown: RequestObject, covered: frozenset[str] = frozenset()) -> list[Row]:
    """All rows of a request's or a question's payload, as people see it."""
    payload = shown.payload
    plain = msgspec.json.decode(payload) if isinstance(payload, Raw) else payload
    found = rows(plain, shown.facts, covered)
    if shown.kind != Kind.QUESTION:
        return found
    # The label of an option that has none is its value, put there by us: once is enough.
    said = {row.pointer: row.text for row in found}
    return [
        row
        for row in found
        if not _OPTION_LABEL.fullmatch(row.pointer)
        or said.get(row.pointer.removesuffix("label") + "value") != row.text
    ]


def at(payload: Any, pointer: str) -> list[Any]:
    """The value a JSON pointer (RFC 6901) leads to, in a list; an empty one where it leads nowhere."""
    value = payload
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return []
    return [value]


def _leaves(value: Any, pointer: str, path: tuple[str, ...]) -> Iterator[Row]:
    """Every value that holds no other, in the order it was sent."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from _leaves(inner, f"{pointer}/{escaped}", (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{pointer}/{index}", (*path, str(index + 1)))
    elif pointer or value not in ({}, []):
        text, note = _said(value)
        yield Row(" › ".join(path) or "value", text, pointer, note=note)


def _said(value: Any) -> tuple[str, str]:
    """The text of a value, and a word on its type where the text alone could mislead."""
    if isinstance(value, dict | list):
        return ("{}", "empty object") if isinstance(value, dict) else ("[]", "empty list")
    if not isinstance(value, str):
        return canonical(value).decode(), ""
    if value == "":
        return "", "empty text"
    if value.strip() != value:
        return value, "text with space at its ends"
    return value, "text" if value in _WORDS or _numeric(value) else ""


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def pretty(value: Any, indent: int = 0) -> str:
    """JSON on several lines, members in their order, every number as in the canonical bytes."""
    pad, inner = "  " * indent, "  " * (indent + 1)
    if isinstance(value, dict) and value:
        members = (
            f"{inner}{canonical(key).decode()}: {pretty(item, indent + 1)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(members) + f"\n{pad}}}"
    if isinstance(value, list) and value:
        items = (inner + pretty(item, indent + 1) for item in value)
        return "[\n" + ",\n".join(items) + f"\n{pad}]"
    return canonical(value).decode()
