"""What is on record of how people were told of a request, for its evidence; never what was said."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from audit.log import rfc3339
from core import ids
from notifications import stories


def told(conn: Connection[Any], request: UUID) -> list[dict[str, Any]]:
    """Each message about it, the oldest first: to whom, by what, and what came of it."""
    return [
        {
            "id": ids.encode("ntf", one.id),
            "kind": one.kind,
            "channel": one.channel,
            "person": None
            if one.person is None
            else {"id": ids.encode("per", one.person), "name": one.name},
            "role": one.role,
            "state": one.state,
            "reason": one.reason,
            "created_at": rfc3339(one.created_at),
            "sent_at": _at(one.sent_at),
            "viewed_at": _at(one.viewed_at),
        }
        for one in stories.read(conn, [request])
    ]


def _at(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
