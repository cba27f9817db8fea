"""The lanes of Slack's calls: found, or made on first use.

None that is there is locked: whoever tells of a request and whoever posts it touch lanes and
notifications in different orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

_MAKE: Final = """
INSERT INTO notifications_lane (id, workspace_id, installation_id, kind, address, channel, reason)
SELECT core_uuid7(), w.workspace, w.installation, w.kind, w.address, '', ''
  FROM (SELECT DISTINCT * FROM unnest(%(workspaces)s::uuid[], %(installations)s::uuid[], %(kinds)s::text[],
                                      %(addresses)s::text[]) AS w (workspace, installation, kind, address)
         ORDER BY 2, 3, 4) AS w
 WHERE NOT EXISTS (SELECT 1 FROM notifications_lane l
                    WHERE l.installation_id = w.installation AND l.kind = w.kind AND l.address = w.address)
ON CONFLICT (installation_id, kind, address) DO NOTHING
"""
#: A statement of its own: it sees those that another process made meanwhile.
_FIND: Final = """
SELECT w.workspace, w.installation, w.address, w.kind, l.id
  FROM unnest(%(workspaces)s::uuid[], %(installations)s::uuid[], %(kinds)s::text[], %(addresses)s::text[])
       AS w (workspace, installation, kind, address)
  JOIN notifications_lane l
    ON l.installation_id = w.installation AND l.kind = w.kind AND l.address = w.address
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place in Slack that is to be called, and how: ``post``, or ``update`` (without an address)."""

    workspace: UUID
    installation: UUID
    address: str
    kind: str = "post"


def find(conn: Connection[Any], wanted: Sequence[Wanted]) -> dict[Wanted, UUID]:
    """The lanes of these places."""
    if not wanted:
        return {}
    values = {
        "workspaces": [one.workspace for one in wanted],
        "installations": [one.installation for one in wanted],
        "kinds": [one.kind for one in wanted],
        "addresses": [one.address for one in wanted],
    }
    conn.execute(_MAKE, values)
    return {Wanted(*row[:4]): row[4] for row in conn.execute(_FIND, values).fetchall()}
