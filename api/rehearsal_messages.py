"""Bodies and answers of what lies ahead: coverage, rehearsals and drills."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from approvals.shape import SpanShown


class RoleCoverageShown(Struct, frozen=True):
    """One role in the days ahead."""

    role: str
    title: str
    schedule: str | None
    timezone: Annotated[str, Meta(description="Of its schedule; else UTC")]
    uncovered: Annotated[
        list[SpanShown], Meta(description="Nobody could decide: no member, or all of them away")
    ]
    off_duty: Annotated[
        list[SpanShown],
        Meta(description="Nobody on duty could decide: everybody in the role is told then"),
    ]


class CoverageShown(Struct, frozen=True):
    """The roles of the active policy, from now on."""

    begin: str
    until: str
    roles: list[RoleCoverageShown]
