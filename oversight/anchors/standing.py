"""How the anchors of a workspace stand: what lies where, since when something is missing there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import checkpoints, growth, holds
from audit.checkpoints import Checkpoint
from audit.holds import Held
from core.db import pool
from oversight.anchors import files
from oversight.anchors.schedule import Level, lateness

_TARGETS: Final = """
SELECT id, kind, url, roots IS NOT NULL, anchored_number, anchored_size, anchored_at, failures,
       failing_since, error, created_at, clock_timestamp()
  FROM oversight_anchortarget WHERE workspace_id = %s AND state = 'active' ORDER BY id
"""
_WORKSPACES: Final = "SELECT id, slug FROM people_workspace ORDER BY slug"


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """One target: the newest checkpoint there, and what is missing."""

    id: UUID
    kind: str
    #: Its address; of a file, its path on the machine that looks.
    where: str
    #: Of a timestamp authority: whether its tokens are held against certificates.
    checked: bool
    number: int | None
    size: int | None
    at: datetime | None
    #: When the oldest event happened that no checkpoint there covers; None: there is none.
    behind_since: datetime | None
    behind: timedelta | None
    failures: int
    failing_since: datetime | None
    error: str
    created_at: datetime

    @property
    def level(self) -> Level:
        """``warning`` and ``failed`` say that news has not been anchored for too long."""
        return lateness(self.kind, self.behind)


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest checkpoint of a workspace, its anchors, and what holds its log."""

    workspace: UUID
    checkpoint: Checkpoint | None
    targets: list[TargetStanding]
    held: list[Held]


def standing(workspace: UUID) -> Standing:
    """How the anchors of a workspace stand now."""
    with pool().connection() as conn:
        return _standing(conn, workspace)


def every(conn: Connection[Any]) -> Iterator[tuple[str, Standing]]:
    """Every workspace's slug, and how its anchors stand."""
    for workspace, slug in conn.execute(_WORKSPACES).fetchall():
        yield slug, _standing(conn, workspace)


def _standing(conn: Connection[Any], workspace: UUID) -> Standing:
    rows = conn.execute(_TARGETS, [workspace]).fetchall()
    return Standing(
        workspace,
        checkpoints.newest(workspace, conn),
        [_target(conn, workspace, row) for row in rows],
        holds.open_holds(conn, workspace),
    )


def _target(conn: Connection[Any], workspace: UUID, row: tuple[Any, ...]) -> TargetStanding:
    (target, kind, url, checked, number, size, at, failures, failing, error, created, now) = row
    since = growth.first_news(conn, workspace, size or 0)
    inside = files.folder()
    path = "" if inside is None else str(files.path_of(Path(inside), workspace))
    return TargetStanding(
        id=target,
        kind=kind,
        where=url or path,
        checked=checked,
        number=number,
        size=size,
        at=at,
        behind_since=since,
        # News that is older than the target itself waits since there is the target.
        behind=None if since is None else now - max(since, created),
        failures=failures,
        failing_since=failing,
        error=error,
        created_at=created,
    )
