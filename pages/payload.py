"""What will run, as rows a person can read: every value the agent sent, none left out.

The facts that policy chose come first, under its labels; every other value follows under its own
path.  A value stands where it was found, so that nothing can be hidden by depth or by order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from approvals.shape import FactShown
from core.canonical import canonical

#: From this many characters on a value gets a frame that scrolls, and says how long it is.
LONG: Final = 600
#: Rows shown at once; more are folded, with their count, and still on the page.
FIRST_ROWS: Final = 120

_WORDS: Final = frozenset({"true", "false", "null", ""})


@dataclass(frozen=True, slots=True)
class Row:
    """One value: ``label`` is policy's, or the path inside what was sent."""

    label: str
    text: str
    pointer: str
    fact: bool = False
    note: str = ""
    covered: bool = False

    @property
    def long(self) -> bool:
        """Whether the value needs a frame of its own."""
        return len(self.text) > LONG


def rows(
    payload: Any, facts: Sequence[FactShown] = (), covered: frozenset[str] = frozenset()
) -> list[Row]:
    """All rows of a payload.  ``covered`` are pointers whose values policy calls sensitive.

    A value repeats below its fact only where the fact says less than the value itself.
    """
    leaves = list(_leaves(payload, "", ()))
    plain = {row.pointer: row.text for row in leaves}
    shown = [
        Row(fact.label, fact.value, fact.pointer, fact=True, covered=fact.pointer in covered)
        for fact in facts
    ]
    told = {row.pointer for row in shown if row.covered or plain.get(row.pointer) == row.text}
    rest = [
        Row(row.label, row.text, row.pointer, note=row.note, covered=row.pointer in covered)
        for row in leaves
        if row.pointer not in told
    ]
    return shown + rest


def uncovered(listed: Sequence[Row], values: Mapping[str, Any]) -> list[Row]:
    """The same rows with the opened values (by pointer) in their places."""
    opened: list[Row] = []
    for row in listed:
        if row.pointer not in values:
            opened.append(row)
            continue
        inner = list(_leaves(values[row.pointer], row.pointer, (row.label,)))
        if row.fact and len(inner) == 1:
            inner = [Row(row.label, inner[0].text, row.pointer, fact=True, note=inner[0].note)]
        opened.extend(inner)
    return opened


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
