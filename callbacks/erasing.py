"""Finding requests by what receivers answered; what erases it is a function of the database."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg import Connection

_CONTAINING: Final = """
SELECT DISTINCT c.request_id FROM callbacks_callback c JOIN callbacks_attempt a ON a.callback_id = c.id
 WHERE c.workspace_id = %(workspace)s AND c.request_id IS NOT NULL AND c.erased_at IS NULL
   AND (position(%(text)s IN lower(a.response)) > 0 OR position(%(text)s IN lower(a.detail)) > 0)
"""


def containing(conn: Connection[Any], workspace: UUID, text: str) -> list[UUID]:
    """Requests of which a receiver's answer holds a text (in small letters)."""
    values = {"workspace": workspace, "text": text}
    return [row[0] for row in conn.execute(_CONTAINING, values)]
