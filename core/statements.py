"""A connection on which the hot calls' statements cost little of Python's time.

psycopg reads the placeholders of a statement again on every call once it is long or has more than
fifty parameters, and looks at every list item by item to find its type. Both were most of what a
submit cost. Here a statement is read once, and a list goes as PostgreSQL's own text for arrays,
whose type the statement says (`%(ids)s::uuid[]`, or the column it meets). Running it is one call of
libpq, which lets go of the interpreter's lock once; psycopg's own way takes it back some six times,
and with eight threads each time may be a wait for another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, Self, cast
from uuid import UUID

import psycopg
from psycopg import RawCursor, abc, errors
from psycopg.adapt import Buffer, Dumper, PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s|%s|%%")

Row = tuple[Any, ...]
Pick = Callable[[Mapping[str, Any]], Row]

_GOOD: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


@lru_cache(maxsize=512)
def parsed(statement: str) -> tuple[bytes, Pick]:
    """Return a statement with numbers for its values (`%(id)s` is `$1`), and who puts them in order."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1] or f"%{len(numbers)}"
        return f"${numbers.setdefault(name, len(numbers) + 1)}"

    text = _PLACEHOLDER.sub(number, statement).encode()
    names = list(numbers)
    if len(names) > 1:
        return text, itemgetter(*names)
    return text, lambda values: tuple(values[name] for name in names)


class HotConnection(psycopg.Connection[Row]):
    """psycopg's connection, in autocommit; `execute` with named values takes the short way."""

    _hot: abc.Transformer | None = None
    _names: dict[tuple[bytes, tuple[int, ...] | None], bytes]

    def execute(self, query: Any, params: Any = None, **how: Any) -> psycopg.Cursor[Row]:
        """Run one statement as psycopg does; prepared, unless it has no values or must not be.

        psycopg itself prepares nothing here (`prepare_threshold` is None): after a rollback it would
        throw away every prepared statement of the connection, and ours with them.
        """
        if params is None or type(query) is not str or how.get("prepare") is False:
            return super().execute(query, params, **how)
        hot = self._hot
        if hot is None:
            hot, self._names = Transformer(self), {}
            self._hot = hot
        text, pick = parsed(query)
        values = pick(params) if type(params) is dict else tuple(params)
        dumped = hot.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types = hot.types
        name = self._names.get((text, types)) or self._prepare(text, types)
        # It takes None for a null, whatever its annotation says.
        given = cast("Sequence[Buffer]", dumped)
        result = self.pgconn.exec_prepared(name, given, hot.formats)
        self._check(result)
        return HotCursor(self).holding(self._rows(hot, result), result.command_tuples)

    def _prepare(self, text: bytes, types: tuple[int, ...] | None) -> bytes:
        name = b"hot_%d" % len(self._names)
        self._check(self.pgconn.prepare(name, text, types))
        self._names[text, types] = name
        return name

    def _check(self, result: PGresult) -> None:
        if result.status in _GOOD:
            return
        if self.pgconn.status == ConnStatus.BAD:
            said = result.error_message.decode(errors="replace")
            raise psycopg.OperationalError(said or "the connection is lost")
        raise errors.error_from_result(result, self.info.encoding)

    @staticmethod
    def _rows(transformer: abc.Transformer, result: PGresult) -> list[Row]:
        count = result.ntuples
        if not count:
            return []
        transformer.set_pgresult(result)
        rows: list[Row] = transformer.load_rows(0, count, tuple)
        transformer.set_pgresult(None)
        return rows


class HotCursor(RawCursor[Row]):
    """The rows of one statement that is over."""

    _held: list[Row]
    _affected: int | None

    def holding(self, rows: list[Row], affected: int | None) -> Self:
        """This cursor, with its rows and how many the statement touched."""
        self._held, self._affected = rows, affected
        self._given = 0
        return self

    @property
    def rowcount(self) -> int:
        """How many rows were returned or changed; -1 for a statement that does neither."""
        return -1 if self._affected is None else self._affected

    def fetchone(self) -> Row | None:
        """The next row, or None."""
        self._given += 1
        return self._held[self._given - 1] if self._given <= len(self._held) else None

    def fetchmany(self, size: int = 0) -> list[Row]:
        """The next rows."""
        rows = self._held[self._given : self._given + (size or self.arraysize)]
        self._given += len(rows)
        return rows

    def fetchall(self) -> list[Row]:
        """The rows that are left."""
        rows = self._held[self._given :] if self._given else self._held
        self._given = len(self._held)
        return rows

    def __next__(self) -> Row:
        """The next row."""
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row


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
