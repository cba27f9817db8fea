"""Schedules as they stand in the database, read in one statement however many are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from people.schedules.entries import of_bytes as entries_of_bytes
from people.schedules.rotation import Override, Span
from people.schedules.terms import Schedule, of_bytes
from people.sql import PERSON_IS_ACTIVE, PERSON_NAME

#: What calendars said, remembered by this process: their bytes are read once.
REMEMBERED: Final = 64

_LOAD: Final = """
SELECT s.id, s.name, s.spec, f.id, f.expanded_at, coalesce((
           SELECT json_agg(json_build_array(o.id, o.person_id, o.begins_at, o.ends_at)
                           ORDER BY o.created_at, o.id)
             FROM people_override o
            WHERE o.schedule_id = s.id AND o.cancelled_at IS NULL
              AND o.ends_at > %(begin)s AND o.begins_at < %(end)s), '[]'::json)
  FROM people_oncallschedule s
  LEFT JOIN people_feed f ON f.schedule_id = s.id
 WHERE s.workspace_id = %(workspace)s AND s.active
   AND (%(names)s::text[] IS NULL OR s.name = ANY(%(names)s::text[]))
 ORDER BY s.name
"""
_ENTRIES: Final = "SELECT entries FROM people_feed WHERE id = %(feed)s"
_PEOPLE: Final = f"""
SELECT p.id, u.email, {PERSON_NAME.format(user="u")}, {PERSON_IS_ACTIVE.format(person="p", user="u")}
  FROM people_user u JOIN people_person p ON p.user_id = u.id
 WHERE u.email = ANY(%(emails)s::text[]) AND p.workspace_id = %(workspace)s
 UNION
SELECT p.id, u.email, {PERSON_NAME.format(user="u")}, {PERSON_IS_ACTIVE.format(person="p", user="u")}
  FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.id = ANY(%(ids)s::uuid[]) AND p.workspace_id = %(workspace)s
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A schedule with what counts in the time that was asked for.

    Overrides and entries name people by their id as text; `override_ids` goes with `overrides`.
    """

    id: UUID
    name: str
    schedule: Schedule
    overrides: tuple[Override, ...]
    override_ids: tuple[UUID, ...]
    entries: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody whom a schedule names."""

    id: UUID
    name: str
    active: bool


class _Entries:
    """What calendars said, by feed and by when they were worked out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[UUID, datetime], tuple[Span, ...]] = OrderedDict()

    def get(
        self, conn: psycopg.Connection[Any], feed: UUID, expanded_at: datetime
    ) -> tuple[Span, ...]:
        with self._lock:
            found = self._known.get((feed, expanded_at))
        if found is not None:
            return found
        row = conn.execute(_ENTRIES, {"feed": feed}).fetchone()
        found = entries_of_bytes(bytes(row[0])) if row and row[0] else ()
        with self._lock:
            self._known[feed, expanded_at] = found
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found


_entries: Final = _Entries()


def load(
    conn: psycopg.Connection[Any],
    workspace: UUID,
    names: Collection[str] | None,
    begin: datetime,
    end: datetime,
) -> list[Loaded]:
    """The schedules of these names (none given: all), with overrides that reach into the time asked for.

    Those that are not declared are left out.
    """
    values = {
        "workspace": workspace,
        "names": None if names is None else list(names),
        "begin": begin,
        "end": end,
    }
    found = []
    for id, name, spec, feed, expanded_at, overrides in conn.execute(_LOAD, values).fetchall():
        read = expanded_at is not None
        found.append(
            Loaded(
                id,
                name,
                of_bytes(bytes(spec)),
                tuple(
                    Override(person, datetime.fromisoformat(begins), datetime.fromisoformat(ends))
                    for _, person, begins, ends in overrides
                ),
                tuple(UUID(one[0]) for one in overrides),
                _entries.get(conn, feed, expanded_at) if read else (),
            )
        )
    return found


def people(conn: psycopg.Connection[Any], workspace: UUID, said: Iterable[str]) -> dict[str, Known]:
    """Who addresses and ids (as text) are in the workspace, by both; strangers are left out."""
    wanted = set(said)
    emails = [one for one in wanted if "@" in one]
    values = {"workspace": workspace, "emails": emails, "ids": [*(wanted - set(emails))]}
    found: dict[str, Known] = {}
    for id, email, name, active in conn.execute(_PEOPLE, values).fetchall():
        found[str(id)] = found[email] = Known(id, name, active)
    return found
