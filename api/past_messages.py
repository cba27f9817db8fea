"""What was decided before on requests like one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class BeforeShown(Struct, frozen=True):
    """One that ended."""

    id: str
    title: str
    status: str
    permit: Annotated[
        str | None, Meta(description="Where an approval's permit is; null where there is none")
    ]
    ended_at: str
    by: Annotated[list[str], Meta(description="Names of those who decided it; at most three")]
    same: Annotated[
        list[str],
        Meta(description="Labels of the facts that are the same, and tell requests apart"),
    ]


class SimilarShown(Struct, frozen=True):
    """How many of them ended how, and the nearest."""

    counts: Annotated[dict[str, int], Meta(description="By how they ended, of those looked at")]
    nearest: list[BeforeShown]
