"""Everything that the log holds of some subjects: events, their places, and what stands beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.log import commitment

_EVENTS: Final = """
SELECT e.id, e.at, e.body, l.position, l.hash
  FROM audit_event AS e LEFT JOIN audit_leaf AS l ON l.event_id = e.id
 WHERE e.subject = ANY(%(subjects)s) AND e.workspace_id = %(workspace)s
 ORDER BY e.at, e.id
"""
_SIDES: Final = "SELECT event_id, name, salt, body FROM audit_side WHERE event_id = ANY(%(events)s)"

_TOLD: Final = """
SELECT subject, kind, body FROM audit_event
 WHERE subject = ANY(%(subjects)s) AND workspace_id = %(workspace)s AND at <= %(until)s
 ORDER BY at, id
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """What one commitment commits to; ``content`` is none where the bytes stand in a row of their own."""

    salt: bytes
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Kept:
    """One event: its canonical bytes, the same read, its place, and what stands beside it.

    A commitment that has nothing in ``beside`` was erased.  ``position`` and ``leaf`` are none until it
    was sequenced.
    """

    id: UUID
    at: datetime
    body: bytes
    said: Mapping[str, Any]
    position: int | None
    leaf: bytes | None
    beside: Mapping[str, Beside]

    @property
    def kind(self) -> str:
        """The kind of the event."""
        return str(self.said["kind"])

    @property
    def data(self) -> Mapping[str, Any]:
        """What belongs to this kind."""
        found: Mapping[str, Any] = self.said["data"]
        return found

    def commits_to(self, name: str, content: bytes) -> bool:
        """Whether the commitment of this name is to these bytes; false where it was erased."""
        held = self.beside.get(name)
        return held is not None and self.said["commitments"].get(name) == commitment(
            held.salt, content
        )


def of_subjects(conn: Connection[Any], workspace: UUID, subjects: Sequence[UUID]) -> list[Kept]:
    """The events about these subjects, the first one first, as the caller's transaction sees them."""
    values = {"workspace": workspace, "subjects": list(subjects)}
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(_EVENTS, values).fetchall()
        sides = cursor.execute(_SIDES, {"events": [row[0] for row in rows]}).fetchall()
    beside: dict[UUID, dict[str, Beside]] = {}
    for event, name, salt, content in sides:
        beside.setdefault(event, {})[name] = Beside(salt, content)
    return [
        Kept(event, at, body, json.loads(body), position, leaf, beside.get(event, {}))
        for event, at, body, position, leaf in rows
    ]


def told_of(
    conn: Connection[Any], workspace: UUID, subjects: Sequence[UUID], until: datetime
) -> list[tuple[UUID, str, Mapping[str, Any]]]:
    """Subject, kind and data of every event about these subjects up to an instant, the first one first."""
    values = {"workspace": workspace, "subjects": list(subjects), "until": until}
    rows = conn.execute(_TOLD, values).fetchall()
    return [(subject, kind, json.loads(body)["data"]) for subject, kind, body in rows]
