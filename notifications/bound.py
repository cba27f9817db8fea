"""How many Slack users and browsers people are bound to, for whoever looks after them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.db import pool

_COUNTS: Final = """
SELECT p.id,
       (SELECT count(*) FROM notifications_slackbinding b WHERE b.person_id = p.id AND b.ended_at IS NULL),
       (SELECT count(*) FROM notifications_pushsubscription s WHERE s.user_id = p.user_id)
  FROM people_person p WHERE p.workspace_id = %(workspace)s AND p.id = ANY(%(people)s)
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """Slack users that are this person, and browsers that notify them, in whichever workspace they asked."""

    slack: int = 0
    browsers: int = 0


def bound(workspace: UUID, people: Iterable[UUID]) -> dict[UUID, Bound]:
    """The counts of people of a workspace, by id."""
    values = {"workspace": workspace, "people": list(people)}
    with pool().connection() as conn:
        return {row[0]: Bound(*row[1:]) for row in conn.execute(_COUNTS, values)}
