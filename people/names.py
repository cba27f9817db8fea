"""What people are called: by their ids, in somebody's place, and while they are away."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from core.db import pool
from people.sql import PERSON_NAME

_NAMES: Final = f"""
SELECT person.id, {PERSON_NAME.format(user="u")}
  FROM people_person person JOIN people_user u ON u.id = person.user_id
 WHERE person.workspace_id = %s AND person.id = ANY(%s)
"""


def names(workspace: UUID, people: Iterable[UUID]) -> dict[UUID, str]:
    """The names of people of a workspace, by id; others are left out."""
    wanted = list(set(people))
    if not wanted:
        return {}
    with pool().connection() as conn:
        return dict(conn.execute(_NAMES, [workspace, wanted]))


def standing_in(name: str, on_behalf_of: str | None) -> str:
    """Somebody who acted, in their own place or in another's: ``Ben, standing in for Ana``."""
    return name if on_behalf_of is None else f"{name}, standing in for {on_behalf_of}"


def away(name: str, until: datetime, stand_in: str | None) -> str:
    """Somebody who is away: ``Ana (away until 3 Dec, Ben stands in)``."""
    until = until.astimezone(UTC)
    in_place = f", {stand_in} stands in" if stand_in else ""
    return f"{name} (away until {until.day} {until:%b}{in_place})"
