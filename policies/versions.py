"""Every version of a policy that was ever saved: who applied it, when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from core.paging import Cursor, Page, check_limit, decode, not_ours, page
from people import names
from policies.active import active_version
from policies.models import PolicyVersion

_ORDER: Final = "policy-newest"


@dataclass(frozen=True, slots=True)
class Version:
    """A version without its text.  ``author`` is None where a command applied it."""

    id: UUID
    number: int
    digest: bytes
    at: datetime
    author: UUID | None
    author_name: str
    comment: str
    erased_at: datetime | None
    is_active: bool


def versions(*, workspace: UUID, limit: int, cursor: str | None = None) -> Page[Version]:
    """The versions of a workspace, the newest first.

    Raises:
        Problem: 422 for a limit or cursor that does not fit.
    """
    check_limit(limit)
    place = None if not cursor else decode(cursor, _ORDER, 1)
    rows = PolicyVersion.objects.filter(workspace_id=workspace).defer("text")
    backwards = place is not None and place.backwards
    if place is not None:
        number = _number(place)
        rows = rows.filter(number__gt=number) if backwards else rows.filter(number__lt=number)
    found = list(rows.order_by("number" if backwards else "-number")[: limit + 1])
    told = described(workspace, found)
    keyed = [([str(row.number)], one) for row, one in zip(found, told, strict=True)]
    return page(keyed, limit, _ORDER, place)


def described(workspace: UUID, rows: list[PolicyVersion]) -> list[Version]:
    """These rows with the names of whoever applied them, and which one is active."""
    active = active_version(workspace)
    called = names.names(workspace, {row.created_by_id for row in rows if row.created_by_id})
    return [
        Version(
            row.id,
            row.number,
            bytes(row.digest),
            row.created_at,
            row.created_by_id,
            called.get(row.created_by_id, "") if row.created_by_id else "",
            row.comment,
            row.erased_at,
            active is not None and row.id == active.id,
        )
        for row in rows
    ]


def version(*, workspace: UUID, number: int) -> PolicyVersion | None:
    """The version of this number, or None."""
    return PolicyVersion.objects.filter(workspace_id=workspace, number=number).first()


def _number(place: Cursor) -> int:
    [text] = place.key
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise not_ours()
    return int(text)
