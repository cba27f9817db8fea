"""A connection on which the hot calls' statements cost little of Python's time.

psycopg reads the placeholders of a statement again on every call once it is long or has more than
fifty parameters, and looks at every list item by item to find its type. Both were most of what a
submit cost. Here a statement is read once, and a list goes as PostgreSQL's own text for arrays,
whose type the statement says (`%(ids)s::uuid[]`, or the column it meets).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import RawCursor
from psycopg.adapt import Buffer, Dumper

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s|%%")

Pick = Callable[[Mapping[str, Any]], tuple[Any, ...]]


@lru_cache(maxsize=512)
def parsed(statement: str) -> tuple[bytes, Pick]:
    """Return a statement with numbers for its names (`%(id)s` is `$1`), and who puts values in order."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%"
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

    text = _PLACEHOLDER.sub(number, statement).encode()
    names = list(numbers)
    if len(names) > 1:
        return text, itemgetter(*names)
    return text, lambda values: tuple(values[name] for name in names)


class HotConnection(psycopg.Connection[tuple[Any, ...]]):
    """psycopg's connection; `execute` with named values takes the short way."""

    #: Kinds of due rows to nudge once it is given back (`core.db.nudge_later`).
    kinds: frozenset[str] = frozenset()

    def execute(
        self, query: Any, params: Any = None, **how: Any
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement: as psycopg does, with `%(name)s` for named values."""
        if type(params) is not dict or type(query) is not str:
            return super().execute(query, params, **how)
        text, pick = parsed(query)
        return RawCursor(self).execute(text, pick(params), prepare=how.get("prepare"))


def spare(conn: psycopg.Connection[Any]) -> None:
    """Let lists on this connection go as arrays in text form."""
    conn.adapters.register_dumper(list, ArrayDumper)


class ArrayDumper(Dumper):
    """A list as an array literal (PostgreSQL, 8.15.6): ids, texts, bytes, numbers, instants, nulls."""

    def dump(self, obj: list[Any]) -> Buffer:
        """Return the literal. TypeError for what this product never stores in an array."""
        return _literal(obj).encode()


def _literal(items: list[Any]) -> str:
    return "{" + ",".join([_item(item) for item in items]) + "}"


def _item(item: Any) -> str:
    write = _WRITERS.get(type(item))
    if write is not None:
        return write(item)
    if isinstance(item, str):  # members of text enumerations
        return _quoted(str.__str__(item))
    raise TypeError(f"{type(item).__name__} has no form in an array")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    UUID: lambda item: item.hex,
    str: _quoted,
    bytes: lambda item: f'"\\\\x{item.hex()}"',
    bool: lambda item: "t" if item else "f",
    int: str,
    datetime: datetime.isoformat,
    type(None): lambda item: "NULL",
    list: _literal,
}
