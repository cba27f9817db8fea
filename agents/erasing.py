"""Finding runs that are to be erased; what erases them is a function of the database (migration 0008)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

_CONTAINING: Final = """
SELECT run.id FROM agents_run run
 WHERE run.workspace_id = %(workspace)s AND run.erased_at IS NULL AND (
    position(%(text)s IN lower(run.external_id)) > 0 OR position(%(text)s IN lower(run.agent_version)) > 0
    OR EXISTS (SELECT 1 FROM agents_step step WHERE step.run_id = run.id AND (
        position(%(text)s IN lower(step.name)) > 0 OR position(%(text)s IN lower(step.call_id)) > 0
        OR position(%(text)s IN lower(step.error)) > 0
        OR position(%(text)s IN lower(array_to_string(step.labels, ' '))) > 0)))
 ORDER BY run.id LIMIT %(most)s
"""
_AGED: Final = """
SELECT run.id FROM agents_run run
 WHERE run.workspace_id = %(workspace)s AND run.erased_at IS NULL AND run.ended_at < %(before)s
   AND NOT EXISTS (SELECT 1 FROM agents_in_use(ARRAY[run.id]))
 ORDER BY run.id LIMIT %(most)s
"""
_IN_USE: Final = "SELECT * FROM agents_in_use(%(runs)s)"


def containing(conn: Connection[Any], workspace: UUID, text: str, most: int) -> list[UUID]:
    """Runs of a workspace that hold a text (in small letters) in what their agent told of them."""
    values = {"workspace": workspace, "text": text, "most": most}
    return [row[0] for row in conn.execute(_CONTAINING, values)]


def aged(conn: Connection[Any], workspace: UUID, before: datetime, most: int) -> list[UUID]:
    """Runs that ended before an instant, and that no running one reads."""
    values = {"workspace": workspace, "before": before, "most": most}
    return [row[0] for row in conn.execute(_AGED, values)]


def in_use(conn: Connection[Any], runs: Sequence[UUID]) -> set[UUID]:
    """Those of these runs that go on, or that rules of a running one below them read."""
    return {row[0] for row in conn.execute(_IN_USE, {"runs": list(runs)})}
