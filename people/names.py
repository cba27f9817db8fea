"""What people are called, for pages that hold only their ids."""

from __future__ import annotations

from collections.abc import Iterable
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
