"""Cursor pages by key, in both directions: no offset, so that a deep page costs what the first does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from core.problems import Problem, bad_query

Item = TypeVar("Item")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page, and the cursors of its neighbours; none at an end."""

    items: list[Item]
    next: str | None
    previous: str | None


class Cursor(Struct, frozen=True, array_like=True):
    """A place between two items: the sort key of its neighbour, and which way to look."""

    order: str
    backwards: bool
    key: list[str]


def encode(cursor: Cursor) -> str:
    """The opaque text of a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def decode(text: str, order: str, fields: int) -> Cursor:
    """The cursor that a client sent back.

    Raises:
        Problem: 422 where it is none of ours, or of a list in another order.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise not_ours() from error
    if cursor.order != order or len(cursor.key) != fields:
        raise not_ours()
    return cursor


def not_ours() -> Problem:
    """422 for a cursor that this list did not give out."""
    return bad_query("cursor", "Take the cursor from `next` or `previous`, with the same order.")


def text_of(part: str) -> str:
    """A text of a cursor's key, which its sender may have written: as PostgreSQL takes it, or 422."""
    if "\0" in part:
        raise not_ours()
    return part


def uuid_of(part: str) -> UUID:
    """An id of a cursor's key, or 422."""
    try:
        return UUID(part)
    except ValueError as error:
        raise not_ours() from error


def check_limit(limit: int) -> int:
    """A page size from 1 to 200, or 422."""
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_query("limit", f"A whole number from 1 to {MAX_LIMIT}.")
    return limit


def page(
    found: Sequence[tuple[list[str], Item]], limit: int, order: str, cursor: Cursor | None
) -> Page[Item]:
    """A page from up to ``limit + 1`` found items (in reading order of the query), each with its key.

    Looking backwards, the query ran in reverse order; the page is turned round again here.
    """
    more = len(found) > limit
    kept = list(found[:limit])
    backwards = cursor is not None and cursor.backwards
    if backwards:
        kept.reverse()
    if not kept:
        return Page([], None, None)
    after = encode(Cursor(order, False, kept[-1][0])) if more or backwards else None
    before = (
        encode(Cursor(order, True, kept[0][0]))
        if (more if backwards else cursor is not None)
        else None
    )
    return Page([item for _, item in kept], after, before)
