"""What the API reads and tells of the views that people save."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from approvals.saved_views import MAX_QUERY

_Name = Annotated[str, Meta(max_length=200, description="1 to 60 visible characters")]
_Query = Annotated[
    str,
    Meta(
        max_length=MAX_QUERY,
        description="Parameters of `GET /inbox`, as an address has them: `view=all&risk=high`",
    ),
]


class SavedViewBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /me/views``."""

    name: _Name
    query: _Query
    default: Annotated[bool, Meta(description="The inbox opens with it")] = False


class SavedViewPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PATCH /me/views/{id}``: what is left out stays."""

    name: _Name | None = None
    query: _Query | None = None
    default: bool | None = None
    position: (
        Annotated[int, Meta(ge=0, le=1000, description="Its place among them, from 0")] | None
    ) = None


class SavedViewShown(Struct, frozen=True, kw_only=True):
    """A part of the inbox that a person named."""

    id: str
    name: str
    query: Annotated[str, Meta(description="In one spelling")]
    default: bool
    position: int


class SavedViewList(Struct, frozen=True, kw_only=True):
    """All of a person, in their own order."""

    results: list[SavedViewShown]
