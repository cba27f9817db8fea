"""Who is on duty in a workspace: its schedules, overrides and calendars, as they stand now.

Only active people of the workspace are on duty, whatever a schedule says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from people.schedules import rotation
from people.schedules.loading import Known, Loaded, load, people
from people.schedules.rotation import AHEAD
from people.schedules.terms import Schedule, of_bytes

_MOMENT: Final = timedelta(microseconds=1)
_SPEC: Final = """
SELECT spec FROM people_oncallschedule
 WHERE workspace_id = %(workspace)s AND name = %(name)s AND active
"""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody on duty: an active person, by id, and what they are called."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` until `end` the same people are on duty; nobody: a gap.

    `override` is the id of the override that says so, where one does.
    """

    begin: datetime
    end: datetime
    who: tuple[OnDuty, ...]
    override: UUID | None = None

    @property
    def gap(self) -> bool:
        """Whether nobody is on duty."""
        return not self.who


def on_duty(
    conn: psycopg.Connection[Any], workspace: UUID, names: Collection[str], at: datetime
) -> dict[str, tuple[UUID, ...]]:
    """The ids of the active people on duty, by the name of the schedule; nobody: an empty tuple.

    Schedules that are not declared are left out.
    """
    if not names:
        return {}
    loaded = load(conn, workspace, names, at, at + _MOMENT)
    said = {one.name: rotation.who(one.schedule, at, one.overrides, one.entries) for one in loaded}
    known = people(conn, workspace, {each for who in said.values() for each in who})
    return {name: tuple(one.id for one in _active(who, known)) for name, who in said.items()}


def next_change(
    conn: psycopg.Connection[Any], workspace: UUID, names: Collection[str], at: datetime
) -> datetime | None:
    """The first instant after `at` at which somebody else is on duty by any of them.

    None: not within `rotation.AHEAD`, or none of them is declared.
    """
    if not names:
        return None
    changes = (
        rotation.next_change(one.schedule, at, one.overrides, one.entries)
        for one in load(conn, workspace, names, at, at + AHEAD)
    )
    return min((change for change in changes if change is not None), default=None)


def spans(
    conn: psycopg.Connection[Any], workspace: UUID, name: str, begin: datetime, end: datetime
) -> list[Span]:
    """Who is on duty from `begin` until `end`, without a hole; empty where it is not declared."""
    return all_spans(conn, workspace, [name], begin, end).get(name, [])


def all_spans(
    conn: psycopg.Connection[Any],
    workspace: UUID,
    names: Collection[str] | None,
    begin: datetime,
    end: datetime,
) -> dict[str, list[Span]]:
    """The `spans` of several schedules (none given: of all), by name."""
    loaded = load(conn, workspace, names, begin, end)
    said = {
        one.name: rotation.spans(one.schedule, begin, end, one.overrides, one.entries)
        for one in loaded
    }
    everybody = {each for found in said.values() for span in found for each in span.who}
    known = people(conn, workspace, everybody)
    return {one.name: _told(one, said[one.name], known) for one in loaded}


def spec_of(conn: psycopg.Connection[Any], workspace: UUID, name: str) -> Schedule | None:
    """The schedule of this name; None where it is not declared."""
    row = conn.execute(_SPEC, {"workspace": workspace, "name": name}).fetchone()
    return None if row is None else of_bytes(bytes(row[0]))


def _told(loaded: Loaded, said: Iterable[rotation.Span], known: Mapping[str, Known]) -> list[Span]:
    """Spans with the people who are active; neighbours that come to the same are one."""
    found: list[Span] = []
    for span in said:
        who = tuple(OnDuty(one.id, one.name) for one in _active(span.who, known))
        override = _override_at(loaded, span.begin)
        last = found[-1] if found else None
        if last is not None and (last.who, last.override) == (who, override):
            found[-1] = Span(last.begin, span.end, who, override)
        else:
            found.append(Span(span.begin, span.end, who, override))
    return found


def _override_at(loaded: Loaded, at: datetime) -> UUID | None:
    for override, id in zip(reversed(loaded.overrides), reversed(loaded.override_ids), strict=True):
        if override.begin <= at < override.end:
            return id
    return None


def _active(who: Iterable[str], known: Mapping[str, Known]) -> tuple[Known, ...]:
    """Those who are active, each once."""
    found = {known[one].id: known[one] for one in who if one in known and known[one].active}
    return tuple(found.values())
