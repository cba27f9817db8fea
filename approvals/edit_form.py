"""The form of a reviewer's edit: one field for each place that policy lets people change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from approvals import lines as payloads
from core import strict_json
from core.canonical import JSON, canonical
from core.problems import Problem

#: What the name of a field begins with; the pointer follows.
PREFIX: Final = "edit:"
LONG_TEXT: Final = 80


class Unreadable(ValueError):
    """What was typed is not a value of the kind that is there; the message says what to type.

    ``name`` is the field's, empty where it is none's.
    """

    def __init__(self, said: str, name: str = "") -> None:
        super().__init__(said)
        self.name = name


@dataclass(frozen=True, slots=True)
class Field:
    """One place: ``kind`` is text, long, number, yesno or json, by the value that is there."""

    name: str
    pointer: str
    label: str
    kind: str
    value: str
    covered: bool


def fields(
    payload: JSON, editable: Sequence[str], labels: Mapping[str, str], covered: frozenset[str]
) -> list[Field]:
    """The fields of a form that changes this payload.

    Args:
        payload: as the reader sees it, sensitive values covered.
        editable: JSON pointers that policy lets people edit.
        labels: what policy calls some places, by pointer.
        covered: pointers whose values are covered: their fields begin empty, and empty means unchanged.
    """
    found = []
    for pointer in editable:
        present = payloads.at(payload, pointer)
        hidden = pointer in covered
        kind = _kind(present[0]) if present and not hidden else "text"
        value = _written(present[0]) if present and not hidden else ""
        label = labels.get(pointer) or pointer.removeprefix("/").replace("/", " › ")
        found.append(Field(PREFIX + pointer, pointer, label, kind, value, hidden))
    return found


def read(form: Mapping[str, Any], offered: Sequence[Field]) -> dict[str, JSON]:
    """What somebody changed, by pointer; fields that were left as they were are left out.

    Raises:
        Unreadable: naming the field.
    """
    edits: dict[str, JSON] = {}
    for field in offered:
        typed = form.get(field.name)
        if typed is None:
            continue
        typed = typed.replace("\r\n", "\n")
        if typed != field.value:
            edits[field.pointer] = _read(field, typed)
    return edits


def _kind(value: JSON) -> str:
    if isinstance(value, bool):
        return "yesno"
    if isinstance(value, str):
        return "long" if len(value) > LONG_TEXT or "\n" in value else "text"
    return "number" if isinstance(value, int | float) else "json"


def _written(value: JSON) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _read(field: Field, typed: str) -> JSON:
    if field.kind in ("text", "long"):
        return typed
    return parsed(typed, field.label, field.kind, field.name)


def parsed(typed: str, label: str, kind: str, name: str) -> JSON:
    """A number, yes or no, or any JSON value, read as strictly as a request's body.

    Raises:
        Unreadable: naming the field, and what to type.
    """
    wanted = {"number": "a number, such as 12.5", "yesno": "true or false"}.get(kind, "JSON")
    try:
        value = strict_json.loads(typed.strip().encode())
    except (Problem, UnicodeEncodeError):
        raise Unreadable(f"“{label}”: type {wanted}.", name) from None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (kind == "number" and not number) or (kind == "yesno" and not isinstance(value, bool)):
        raise Unreadable(f"“{label}”: type {wanted}.", name)
    found: JSON = value
    return found
