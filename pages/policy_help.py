"""What may stand where in a policy, from the descriptions of its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from policies.schema import POLICY_SCHEMA

#: The shapes in the order in which a document is written, and where each stands.
_PLACES: Final = (
    (None, "the document"),
    ("role", "roles: NAME"),
    ("action", "actions: NAME"),
    ("rule", "rules: one of them"),
    ("ask", "ask, in a rule"),
    ("stage", "stages, in ask: one of them"),
    ("permit", "permit"),
    ("schedule", "schedules: NAME"),
    ("shift", "shifts, in a schedule: one of them"),
    ("holidays", "holidays, in a schedule"),
    ("step", "escalations: NAME: one of the steps"),
    ("repeat", "repeat, in a step"),
    ("tool", "tools: NAME"),
    ("case", "tests: one of them"),
    ("given", "given, in a test"),
    ("given_agent", "agent, in given"),
    ("given_run", "run, in given"),
    ("expect", "expect, in a test"),
)
_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may stand somewhere: what it takes, and what it means."""

    name: str
    required: bool
    takes: str
    default: str
    says: str


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one place."""

    where: str
    keys: list[Key]


@cache
def sections() -> tuple[Section, ...]:
    """Every place of a document with its keys."""
    return tuple(Section(where, list(_keys(shape))) for shape, where in _PLACES)


def _keys(shape: str | None) -> Iterator[Key]:
    node = POLICY_SCHEMA["$defs"][shape] if shape else POLICY_SCHEMA
    for name, value in node["properties"].items():
        default = value.get("default")
        yield Key(
            name,
            name in node.get("required", ()),
            _takes(value),
            "" if default is None else _plain(default),
            value.get("description", ""),
        )


def _takes(value: dict[str, Any]) -> str:
    if "const" in value:
        return _plain(value["const"])
    if "enum" in value:
        return ", ".join(map(_plain, value["enum"]))
    if "$ref" in value:
        return "a mapping"
    if "oneOf" in value:
        return " or ".join(_takes(one) for one in value["oneOf"])
    kind = value["type"]
    if isinstance(kind, list):
        return " or ".join(_TYPES[one] for one in kind)
    items = value.get("items", {})
    if kind == "array" and "enum" in items:
        return f"a list of {_takes(items)}"
    return _TYPES[kind]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
