"""How an agent was told about one request: every callback, and every try to deliver it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from audit.log import rfc3339
from core import ids

_CALLBACKS: Final = """
SELECT c.id, c.type, c.url, c.state, c.created_at, c.endpoint_id, e.state AS endpoint_state
  FROM callbacks_callback c JOIN callbacks_endpoint e ON e.id = c.endpoint_id
 WHERE c.request_id = %(request)s AND c.workspace_id = %(workspace)s ORDER BY c.created_at, c.id
"""
_ATTEMPTS: Final = """
SELECT callback_id, number, at, milliseconds, status, failure, detail FROM callbacks_attempt
 WHERE callback_id = ANY(%(callbacks)s) ORDER BY callback_id, number
"""


def callbacks(conn: Connection[Any], workspace: UUID, request: UUID) -> list[dict[str, Any]]:
    """Every callback about a request with its attempts, the first one first.  What was answered is left out."""
    with conn.cursor(row_factory=dict_row) as cursor:
        values = {"request": request, "workspace": workspace}
        found = cursor.execute(_CALLBACKS, values).fetchall()
        tried = cursor.execute(_ATTEMPTS, {"callbacks": [one["id"] for one in found]}).fetchall()
    return [
        {
            "id": ids.encode("cbk", one["id"]),
            "type": one["type"],
            "url": one["url"],
            "endpoint": {
                "id": ids.encode("end", one["endpoint_id"]),
                "state": one["endpoint_state"],
            },
            "state": one["state"],
            "created_at": rfc3339(one["created_at"]),
            "attempts": [_attempt(each) for each in tried if each["callback_id"] == one["id"]],
        }
        for one in found
    ]


def _attempt(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": row["number"],
        "at": rfc3339(row["at"]),
        "milliseconds": row["milliseconds"],
        "status": row["status"],
        "failure": row["failure"] or None,
        "detail": row["detail"] or None,
    }
