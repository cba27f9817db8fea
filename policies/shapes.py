"""The shapes of a document's values, read with every fault collected on the way.

What is faulty is replaced by something harmless, so that reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar, cast

from core import durations
from core.emails import normal_email
from policies import schema
from policies.errors import Place, PolicyError, nearest, quoted
from policies.plan import Stage
from policies.source import Node
from policies.terms import Case, EscalationStep, Member, Rule

T = TypeVar("T")

ROLE: Final = re.compile(schema.ROLE_NAME)
ACTION: Final = re.compile(schema.ACTION_NAME)
EMAIL: Final = re.compile(r"[^@\s\"<>(),:;\\\[\]]{1,64}@([\w-]{1,63}\.)*[\w-]{1,63}")
_NAMES: Final = {"map": "a mapping (key: value)", "list": "a list", "scalar": "a single value"}


class Shapes:
    """Reads values; `errors` has what was wrong."""

    def __init__(self) -> None:
        self.errors: list[PolicyError] = []

    def fail(self, place: Place, detail: str) -> None:
        self.errors.append(PolicyError(place.line, place.column, place.path, detail))

    def kind(self, node: Node, kind: str) -> bool:
        if node.kind != kind:
            self.fail(node.place, f"This is {_NAMES[kind]}, not {_NAMES[node.kind]}.")
        return node.kind == kind

    def fields(self, node: Node, shape: str | None, what: str) -> dict[str, Node]:
        """Return the known entries of a map; unknown and missing keys are faults."""
        if not self.kind(node, "map"):
            return {}
        known, required = schema.keys(shape)
        for key in node.entries:
            if key not in known:
                detail = f"{quoted(key)} is not a key of {what}.{nearest(key, known)}"
                self.fail(node.keys[key], detail)
        for key in required:
            if key not in node.entries:
                self.fail(node.place, f"{what[0].upper()}{what[1:]} needs “{key}”.")
        return {key: child for key, child in node.entries.items() if key in known}

    def string(self, node: Node, limit: int, default: str = "") -> str:
        if not self.kind(node, "scalar"):
            return default
        if not isinstance(node.value, str):
            self.fail(node.place, "This is a text: put it in quotation marks.")
            return default
        if not 0 < len(node.value) <= limit:
            self.fail(node.place, f"This text has 1 to {limit} characters.")
            return default
        return node.value

    def matching(self, node: Node, pattern: re.Pattern[str], form: str) -> str | None:
        value = self.string(node, schema.MAX_NAME)
        if value and not pattern.fullmatch(value):
            self.fail(node.place, f"{quoted(value)} is not {form}.")
            return None
        return value or None

    def member(self, node: Node) -> Member | None:
        email = self.string(node, 254)
        if not email:
            return None
        normal = normal_email(email)
        if not EMAIL.fullmatch(normal):
            self.fail(node.place, f"{quoted(email)} is not an e-mail address.")
            return None
        return Member(normal, node.place)

    def choice(self, node: Node, known: Sequence[str], default: str) -> str:
        if not self.kind(node, "scalar"):
            return default
        if isinstance(node.value, str) and node.value in known:
            return node.value
        self.fail(node.place, f"Write one of: {', '.join(known)}.")
        return default

    def some(self, node: Node, known: Sequence[str]) -> list[str]:
        """Return what is chosen of `known`, at least one, each once."""

        def one(item: Node) -> str | None:
            return self.choice(item, known, "") or None

        if node.kind == "list" and not node.items:
            self.fail(node.place, "At least one channel stands here.")
        return self.listed(node, one, len(known))

    def votes(self, node: Node | None) -> int:
        if node is None:
            return 1
        value = node.value
        whole = isinstance(value, int) and not isinstance(value, bool)
        if node.kind != "scalar" or not whole or not 1 <= cast("int", value) <= schema.MAX_VOTES:
            self.fail(node.place, f"Write a whole number from 1 to {schema.MAX_VOTES}.")
            return 1
        return cast("int", value)

    def listed(self, node: Node | None, read: Callable[[Node], T | None], most: int) -> list[T]:
        """Return what `read` makes of each item; a value that stands twice is a fault."""
        if node is None or not self.kind(node, "list"):
            return []
        if len(node.items) > most:
            self.fail(node.place, f"At most {most} stand here.")
            return []
        found: list[T] = []
        for item in node.items:
            value = read(item)
            if value is None:
                continue
            if value in found and not isinstance(value, Stage | Rule | Case | EscalationStep):
                self.fail(item.place, "This stands in the list twice: keep one.")
            found.append(value)
        return found

    def named(
        self,
        node: Node | None,
        pattern: re.Pattern[str],
        form: str,
        most: int,
        longest: int = schema.MAX_NAME,
    ) -> list[tuple[str, Node, Place]]:
        if node is None or not self.kind(node, "map"):
            return []
        if not 0 < len(node.entries) <= most:
            self.fail(node.place, f"From 1 to {most} stand here.")
            return []
        for key in node.entries:
            if not pattern.fullmatch(key) or len(key) > longest:
                self.fail(node.keys[key], f"{quoted(key)} is not {form}.")
        return [(key, child, node.keys[key]) for key, child in node.entries.items()]

    def duration(self, node: Node | None) -> timedelta | None:
        if node is None or not self.kind(node, "scalar"):
            return None
        try:
            # A bare number, as any other value that is no text, is told how one is written.
            return durations.parse(node.value if isinstance(node.value, str) else "")
        except durations.DurationError as error:
            self.fail(node.place, str(error))
            return None

    def business_duration(self, node: Node | None) -> tuple[timedelta | None, bool]:
        """Read `4h`, or `4h of business`: with whether only open hours count."""
        written = node.value if node is not None and node.kind == "scalar" else None
        if node is None or not isinstance(written, str) or not written.endswith(schema.OF_BUSINESS):
            return self.duration(node), False
        try:
            return durations.parse(written.removesuffix(schema.OF_BUSINESS)), True
        except durations.DurationError as error:
            self.fail(node.place, str(error))
            return None, False
