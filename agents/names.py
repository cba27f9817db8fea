"""What agents, tools and auditors are called, for pages that hold only their ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from core.db import pool

_NAMES: Final = """
SELECT id, name FROM agents_agent WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s)
UNION ALL
SELECT id, name FROM agents_key WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s) AND name <> ''
"""


def names(workspace: UUID, wanted: Iterable[UUID]) -> dict[UUID, str]:
    """The names of agents, and of keys that have one, by id; others are left out."""
    asked = list(set(wanted))
    if not asked:
        return {}
    with pool().connection() as conn:
        rows = conn.execute(_NAMES, {"workspace": workspace, "ids": asked})
        return dict(rows)
