"""Reading the log: the newest events first, by what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from core import ids, paging
from core.db import pool
from core.paging import Page

ORDER: Final = "log"
_LIST: Final = """
SELECT e.id, e.at, e.body, l.position
  FROM audit_event AS e LEFT JOIN audit_leaf AS l ON l.event_id = e.id
 WHERE {where} ORDER BY e.at {way}, e.id {way} LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; None is no condition.

    ``kind`` is one kind, or with ``.*`` at its end all of a noun (``request.*``).  ``actor`` is the id as
    it stands in events.  ``since`` is included, ``until`` is not.
    """

    kind: str | None = None
    subject: UUID | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> tuple[list[str], dict[str, object]]:
        """The conditions on ``e`` in SQL, and their values."""
        found: list[str] = []
        values: dict[str, object] = {}
        if self.kind is not None:
            noun = self.kind.removesuffix(".*")
            exact = noun == self.kind
            found.append("e.kind = %(kind)s" if exact else "starts_with(e.kind, %(kind)s)")
            values["kind"] = noun if exact else f"{noun}."
        if self.subject is not None:
            found.append("e.subject = %(subject)s")
            values["subject"] = self.subject
        if self.actor is not None:
            # Canonical bytes begin with the actor, and the actor with its id.
            beginning = b'{"actor":{"id":"%b",' % self.actor.encode()
            found.append("substr(e.body, 1, %(length)s) = %(beginning)s")
            values |= {"beginning": beginning, "length": len(beginning)}
        if self.since is not None:
            found.append("e.at >= %(since)s")
            values["since"] = self.since
        if self.until is not None:
            found.append("e.at < %(until)s")
            values["until"] = self.until
        return found, values


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its canonical bytes, and its place once it has one."""

    id: UUID
    at: datetime
    body: bytes
    position: int | None


def events(
    *,
    workspace: UUID,
    wanted: Wanted,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> Page[Event]:
    """One page of a workspace's log, the newest first.

    Raises:
        Problem: 422 for a foreign cursor or a limit out of range.
    """
    paging.check_limit(limit)
    where, values = wanted.conditions()
    where.append("e.workspace_id = %(workspace)s")
    place = paging.decode(cursor, ORDER, 2) if cursor is not None else None
    backwards = place is not None and place.backwards
    if place is not None:
        at, event = _place(place)
        where.append(f"(e.at, e.id) {'>' if backwards else '<'} (%(at)s, %(event)s)")
        values |= {"at": at, "event": event}
    query = _LIST.format(where=" AND ".join(where), way="ASC" if backwards else "DESC")
    with pool().connection() as conn, conn.cursor(binary=True) as reader:
        rows = reader.execute(
            query, {**values, "workspace": workspace, "limit": limit + 1}
        ).fetchall()
    found = [Event(*row) for row in rows]
    keyed = [([one.at.isoformat(), ids.encode("evt", one.id)], one) for one in found]
    return paging.page(keyed, limit, ORDER, place)


def _place(cursor: paging.Cursor) -> tuple[datetime, UUID]:
    try:
        at = datetime.fromisoformat(cursor.key[0])
        event = ids.decode("evt", cursor.key[1])
    except ValueError:
        raise paging.not_ours() from None
    if at.tzinfo is None:
        raise paging.not_ours()
    return at, event
