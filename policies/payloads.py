"""Whether a payload has the shape that its action declares.

JSON Schema 2020-12 by jsonschema-rs, narrowed so that checking a payload costs time that is
bounded by schema and payload together: nothing is fetched, patterns run on a linear engine, and a
schema may neither refer to itself nor unfold into more than MAX_UNFOLDED parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from core.canonical import JSON
from core.problems import FieldError
from policies import pointers, regexes

MAX_UNFOLDED: Final = 5_000
MAX_CHAIN: Final = 100
#: Characters of text times busy states of patterns: 22 ns each at worst, so about 0.1 s.
MAX_PATTERN_WORK: Final = 4_000_000
#: No payload has more text than this (api: 256 KiB), so lighter schemas need no measuring.
_LONGEST: Final = 256 * 1024
MAX_ERRORS: Final = 20

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_DATA_KEYS: Final = frozenset({"const", "enum", "default", "examples"})
_REFUSED_KEYS: Final = frozenset({"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"})


class SchemaError(Exception):
    """A schema that cannot be used: where in it, and why."""

    def __init__(self, path: list[str | int], detail: str) -> None:
        super().__init__(detail)
        self.path = path
        self.detail = detail


class PayloadSchema:
    """A compiled schema. `source` is the schema as declared."""

    def __init__(self, source: dict[str, JSON]) -> None:
        """Compile `source`; SchemaError when it is not valid, or not bounded."""
        self.source = source
        unfolding = _Unfolding(source)
        unfolding.check()
        self._weight = unfolding.weight
        try:
            self._validator = jsonschema_rs.validator_for(
                source,
                offline=True,
                validate_formats=True,
                mask="the value",
                pattern_options=jsonschema_rs.RegexOptions(
                    size_limit=1 << 18, dfa_size_limit=1 << 20
                ),
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            path = list(getattr(error, "instance_path", []))
            message = getattr(error, "message", str(error)).splitlines()[0]
            raise SchemaError(path, f"This is not a JSON Schema: {message[:200]}.") from None

    def errors(self, payload: JSON) -> list[FieldError]:
        """Return what is wrong with `payload`, at most MAX_ERRORS; pointers start with /payload.

        The texts do not repeat values: a payload may hold what only a few should see.
        """
        if not isinstance(payload, dict):
            return [FieldError("/payload", "type", "A payload is a JSON object.")]
        return self.faults(payload, "/payload")

    def faults(self, value: JSON, place: str) -> list[FieldError]:
        """Return what is wrong with any JSON `value`; pointers start with `place`."""
        if self._weight * _LONGEST > MAX_PATTERN_WORK:
            most = MAX_PATTERN_WORK // self._weight
            if _text(value) > most:
                detail = f"The patterns of this schema read at most {most} characters of text."
                return [FieldError(place, "too_long", detail)]
        if self._validator.is_valid(value):
            return []
        found = []
        for error in self._validator.iter_errors(value):
            pointer = "".join(pointers.step_to(str(step)) for step in error.instance_path)
            found.append(FieldError(place + pointer, str(error.kind.name), error.message))
            if len(found) == MAX_ERRORS:
                break
        return found


class _Unfolding:
    """Counts the parts of a schema, and weighs its patterns, with every reference written out."""

    def __init__(self, root: dict[str, JSON]) -> None:
        self.root = root
        self.weight = 0
        self.sizes: dict[int, tuple[int, int]] = {}
        self.open: set[int] = set()

    def check(self) -> None:
        size, self.weight = self._size(self.root, [])
        if size > MAX_UNFOLDED:
            raise SchemaError([], f"This schema unfolds into more than {MAX_UNFOLDED} parts.")

    def _size(self, node: JSON, path: list[str | int]) -> tuple[int, int]:
        if not isinstance(node, dict | list):
            return 0, 0
        known = self.sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self.open:
            raise SchemaError(path, "A schema cannot refer to itself here: write the levels out.")
        if len(self.open) > MAX_CHAIN:
            raise SchemaError(path, "This schema is nested, or refers on, too deeply.")
        self.open.add(id(node))
        parts = [self._size(child, where) for child, where in self._children(node, path)]
        self.open.discard(id(node))
        size = 1 + sum(size for size, _ in parts), _weight(node) + sum(own for _, own in parts)
        self.sizes[id(node)] = size
        return size

    def _children(
        self, node: dict[str, JSON] | list[JSON], path: list[str | int]
    ) -> Iterator[tuple[JSON, list[str | int]]]:
        if isinstance(node, list):
            for at, child in enumerate(node):
                yield child, [*path, at]
            return
        self._refuse(node, path)
        for key, child in node.items():
            if key not in _DATA_KEYS:
                yield child, [*path, key]
        if isinstance(node.get("$ref"), str):
            yield self._target(str(node["$ref"]), path), path

    def _target(self, reference: str, path: list[str | int]) -> JSON:
        where = [*path, "$ref"]
        if not reference.startswith("#"):
            detail = "Schemas are not fetched: put it under $defs and refer to “#/$defs/name”."
            raise SchemaError(where, detail)
        try:
            return pointers.follow(self.root, pointers.parse(reference[1:]))
        except (pointers.BadPointerError, pointers.AbsentError):
            raise SchemaError(where, "Nothing in this schema is there.") from None

    @staticmethod
    def _refuse(node: dict[str, JSON], path: list[str | int]) -> None:
        # Under `properties` and `$defs` any key is a name, and its value a schema (a map).
        for key in _REFUSED_KEYS & node.keys():
            if not isinstance(node[key], dict) or key == "$vocabulary":
                raise SchemaError([*path, key], f"{key} is not read here: refer to “#/$defs/name”.")
        if isinstance(node.get("$schema"), str) and node["$schema"] != _DRAFT:
            raise SchemaError([*path, "$schema"], f"Schemas follow {_DRAFT}.")


def _weight(node: dict[str, JSON] | list[JSON]) -> int:
    if not isinstance(node, dict):
        return 0
    pattern, named = node.get("pattern"), node.get("patternProperties")
    patterns = [pattern] if isinstance(pattern, str) else []
    patterns += list(named) if isinstance(named, dict) else []
    return sum(regexes.weight(one) for one in patterns)


def _text(value: JSON) -> int:
    """Return how many characters the texts and names in `value` have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(name) + _text(child) for name, child in value.items())
    if isinstance(value, list):
        return sum(_text(child) for child in value)
    return 0


def compiled(**keywords: Any) -> PayloadSchema:
    """Return the schema with these keywords, such as `type="object"`."""
    return PayloadSchema(dict(keywords))
