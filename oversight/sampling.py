"""A sample that anybody can draw again: the same seed and the same requests give the same ids."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from approvals.models import Request
from core import ids

ALGORITHM: Final = (
    "Of all requests and questions created from `since` on and before `until`, those with the smallest SHA-256 over "
    "the UTF-8 of `<seed>:<id>`, as hex, in that order."
)
#: Rows that are read at once.
_CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """The ids that were drawn, in their order, and among how many."""

    ids: list[str]
    among: int


def draw(
    *, workspace: UUID, seed: str, count: int, since: datetime | None, until: datetime | None
) -> Sample:
    """Draw ``count`` requests of a workspace, as `ALGORITHM` says; all where there are fewer.

    Args:
        since: included; none: from the beginning.
        until: not included; none: up to now.
    """
    drawn = 0

    def ranked() -> Iterator[tuple[str, str]]:
        nonlocal drawn
        found = Request.objects.filter(workspace_id=workspace)
        if since is not None:
            found = found.filter(created_at__gte=since)
        if until is not None:
            found = found.filter(created_at__lt=until)
        for request in found.values_list("id", flat=True).iterator(chunk_size=_CHUNK):
            drawn += 1
            shown = ids.encode("req", request)
            yield hashlib.sha256(f"{seed}:{shown}".encode()).hexdigest(), shown

    smallest = heapq.nsmallest(count, ranked())
    return Sample([shown for _, shown in smallest], drawn)
