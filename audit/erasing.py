"""Finding events by what stands beside them; what erases it is a function of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

_CONTAINING: Final = """
SELECT DISTINCT e.subject FROM audit_side s JOIN audit_event e ON e.id = s.event_id
 WHERE s.workspace_id = %(workspace)s AND s.body IS NOT NULL
   AND (position(%(text)s IN lower(convert_from(s.body, 'UTF8'))) > 0
        OR position(%(json)s IN lower(convert_from(s.body, 'UTF8'))) > 0)
"""


def containing(conn: Connection[Any], workspace: UUID, needle: Mapping[str, str]) -> list[UUID]:
    """What the events are about beside which a text stands, as it is or inside JSON."""
    return [row[0] for row in conn.execute(_CONTAINING, {"workspace": workspace, **needle})]
