"""Answers that are too long to be held in memory: made piece by piece, as fast as they are taken.

And which of their bytes are asked for (RFC 9110, section 14).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.http import StreamingHttpResponse

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class NotSatisfiable(ValueError):
    """None of the bytes that are asked for exist."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes from ``first`` to ``last``, both included, of ``size``."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """How many they are."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


def asked_range(header: str | None, size: int) -> Range | None:
    """The one range of bytes that ``Range`` asks for; None: everything.

    What is no range of bytes, or several, is passed over, as the standard lets a server do.

    Raises:
        NotSatisfiable: it lies behind the end.
    """
    match = _RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if not length:
            raise NotSatisfiable
        return Range(size - length, size - 1, size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise NotSatisfiable
    return Range(int(first), min(int(last), size - 1) if last else size - 1, size)


class Pieces:
    """The pieces of a body, each made when the one before it was taken.

    Not a generator: Django would end one together with its own part of the answer.
    """

    def __init__(self, made: Iterable[bytes]) -> None:
        self._made = made

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._made)


class Download(StreamingHttpResponse):
    """An answer whose body the server in front fetches piece by piece, in threads set apart for it.

    While its reader is slow, nothing is held for it but the piece that it reads.
    """

    def __init__(self, pieces: Iterable[bytes], **more: Any) -> None:
        self.pieces = Pieces(pieces)
        super().__init__(self.pieces, **more)
