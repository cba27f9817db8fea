"""What the clock did while nobody decided a request, for its evidence."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from audit.log import rfc3339
from escalations.story import taken_of


def steps(conn: Connection[Any], request: UUID) -> list[dict[str, Any]]:
    """Each step of its escalation that was taken or passed over, the oldest first."""
    return [
        {
            "revision": one.revision,
            "stage": one.stage,
            "step": one.number,
            "does": one.does,
            "target": one.target,
            "state": one.state,
            "cause": one.cause,
            "reason": one.reason,
            "by": one.by,
            "told": one.told,
            "due_at": rfc3339(one.due_at),
            "fired_at": rfc3339(one.at),
            "undelivered_at": None if one.undelivered_at is None else rfc3339(one.undelivered_at),
        }
        for one in taken_of(conn, request)
    ]
