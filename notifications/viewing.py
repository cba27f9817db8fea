"""Noting that somebody looked at what they were told of: once, when it was first."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from core.db import pool

_VIEWED: Final = """
UPDATE notifications_notification SET viewed_at = clock_timestamp()
 WHERE request_id = %(request)s AND person_id = %(person)s AND viewed_at IS NULL
"""


def viewed(*, person: UUID, request: UUID) -> None:
    """This person looked at the request: all that was told them of it counts as seen."""
    with pool().connection() as conn:
        conn.execute(_VIEWED, {"person": person, "request": request})
