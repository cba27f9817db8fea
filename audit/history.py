"""What the log tells of certain things, for those who hold their own rows against it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

PAGE: Final = 500

_ABOUT: Final = """
SELECT e.subject, l.position, e.kind, e.body,
       (SELECT jsonb_object_agg(s.name, jsonb_build_array(encode(s.salt, 'hex'), encode(s.body, 'hex')))
          FROM audit_side AS s WHERE s.event_id = e.id)
  FROM audit_event AS e LEFT JOIN audit_leaf AS l ON l.event_id = e.id
 WHERE e.subject = ANY(%(subjects)s) AND e.workspace_id = %(workspace)s
 ORDER BY l.position NULLS LAST, e.at, e.id
"""
_FIRST: Final = """
SELECT l.position, e.subject FROM audit_leaf AS l JOIN audit_event AS e ON e.id = l.event_id
 WHERE l.workspace_id = %(workspace)s AND l.position > %(after)s AND e.kind = ANY(%(kinds)s)
 ORDER BY l.position LIMIT %(limit)s
"""
_ERASED: Final = """
SELECT at, id, body FROM audit_event
 WHERE workspace_id = %(workspace)s AND kind = 'subject.erased'
   AND (at, id) > (%(at)s::timestamptz, %(id)s)
 ORDER BY at, id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One event: ``position`` is None until it has its place.

    ``beside`` holds, by the name of a commitment, its salt and bytes; what was erased is not there,
    and bytes are None where they stand in a row of their own.
    """

    position: int | None
    kind: str
    actor: str | None
    data: dict[str, Any]
    commitments: dict[str, str]
    beside: dict[str, tuple[bytes, bytes | None]]


def about(
    conn: Connection[Any], workspace: UUID, subjects: Sequence[UUID]
) -> dict[UUID, list[Told]]:
    """The events about each of these, in their order."""
    found: dict[UUID, list[Told]] = {subject: [] for subject in subjects}
    values = {"workspace": workspace, "subjects": list(subjects)}
    for subject, position, kind, body, sides in conn.execute(_ABOUT, values):
        event = msgspec.json.decode(body)
        beside = {
            name: (bytes.fromhex(salt), None if held is None else bytes.fromhex(held))
            for name, (salt, held) in (sides or {}).items()
        }
        told = Told(
            position, kind, event["actor"]["id"], event["data"], event["commitments"], beside
        )
        found[subject].append(told)
    return found


def subjects_of(
    conn: Connection[Any], workspace: UUID, kinds: Collection[str]
) -> Iterator[list[tuple[int, UUID]]]:
    """Position and subject of every event of these kinds that has its place, page by page."""
    after = -1
    while True:
        values = {"workspace": workspace, "after": after, "kinds": list(kinds), "limit": PAGE}
        page = conn.execute(_FIRST, values).fetchall()
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1][0]


def erased_among(conn: Connection[Any], workspace: UUID, names: Collection[str]) -> set[str]:
    """Which of these ids the log says were erased."""
    left, found = set(names), set[str]()
    values: dict[str, Any] = {"workspace": workspace, "at": "-infinity", "id": UUID(int=0)}
    while left:
        page = conn.execute(_ERASED, {**values, "limit": PAGE}).fetchall()
        for _, _, body in page:
            found |= left & set(msgspec.json.decode(body)["data"]["subjects"])
        left -= found
        if len(page) < PAGE:
            break
        values |= {"at": page[-1][0], "id": page[-1][1]}
    return found
