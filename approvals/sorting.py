"""How lists of requests are sorted, and where in them a cursor stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from core import paging
from core.paging import Cursor

#: The very expression of the index `request_urgent`.
_RANK: Final = "-array_position(ARRAY['low','medium','high','critical'], r.risk::text)"


#: Beyond every rank there is, and within the database's integers.
_MOST_RANK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sorting:
    """A sort key, most significant part first, with the types its cursor is read back in.

    Every part runs the same way, so that one row comparison finds a place (risk counts downwards).
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    falling: bool

    def beyond(self, *, backwards: bool) -> str:
        """The condition for what lies beyond a cursor's place."""
        sign = "<" if self.falling != backwards else ">"
        place = ", ".join(f"%(key{number})s::{kind}" for number, kind in enumerate(self.types))
        return f"({', '.join(self.columns)}) {sign} ({place})"

    def order_by(self, *, backwards: bool) -> str:
        """The ORDER BY list."""
        way = "DESC" if self.falling != backwards else "ASC"
        return ", ".join(f"{column} {way}" for column in self.columns)

    def values(self, place: Cursor) -> dict[str, object]:
        """The parameters of `beyond`: read here, so that the database is never given what it cannot read.

        Raises:
            Problem: 422 for a cursor that is none of ours.
        """
        try:
            parts = [_READ[kind](text) for kind, text in zip(self.types, place.key, strict=True)]
        except (ValueError, OverflowError) as error:
            raise paging.not_ours() from error
        return {f"key{number}": part for number, part in enumerate(parts)}


def _moment(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError("It says no time zone.")
    return read.astimezone(UTC)


def _rank(text: str) -> int:
    read = int(text)
    if abs(read) > _MOST_RANK:
        raise ValueError("No risk ranks there.")
    return read


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "int": _rank,
    "timestamptz": _moment,
    "uuid": UUID,
}


SORTINGS: Final = {
    "created": Sorting(("r.created_at", "r.id"), ("timestamptz", "uuid"), falling=True),
    "ended": Sorting(("r.ended_at", "r.id"), ("timestamptz", "uuid"), falling=True),
    "urgency": Sorting(
        (_RANK, "r.expires_at", "r.id"), ("int", "timestamptz", "uuid"), falling=False
    ),
}


def key_of(columns: Sequence[Any]) -> list[str]:
    """A row's own sort key, from the values of its columns, as a cursor holds it."""
    return [one.isoformat() if isinstance(one, datetime) else str(one) for one in columns]
