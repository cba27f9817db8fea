"""Proofs that anybody can check: this event is in the log, and this log continues that one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import checkpoints
from audit.checkpoints import Checkpoint
from audit.nodes import range_hashes
from audit.tree import consistency_ranges, inclusion_ranges
from core.db import pool

_PLACE: Final = """
SELECT e.body, l.position, l.hash
  FROM audit_event AS e LEFT JOIN audit_leaf AS l ON l.event_id = e.id
 WHERE e.id = %(event)s AND e.workspace_id = %(workspace)s
"""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """An event's place, and the hashes that lead from its leaf to the checkpoint's root (RFC 6962, 2.1.1)."""

    position: int
    leaf: bytes
    hashes: list[bytes]
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Found:
    """An event, and where it is; no place until it was sequenced, within a second of its commit."""

    body: bytes
    place: Inclusion | None


def inclusion(workspace: UUID, event: UUID, size: int | None = None) -> Found | None:
    """The event, with the proof that the log of ``size`` events holds it; by default the newest log.

    None where the workspace has no such event.

    Raises:
        LookupError: no checkpoint was signed at ``size``.
        ValueError: the log of ``size`` events ends before this one.
    """
    with pool().connection() as conn, conn.cursor(binary=True) as cursor:
        row = cursor.execute(_PLACE, {"event": event, "workspace": workspace}).fetchone()
        if row is None:
            return None
        body, position, leaf = row
        if position is None:
            return Found(body, None)
        checkpoint = (
            checkpoints.newest(workspace, conn)
            if size is None
            else checkpoints.at_size(workspace, size, conn)
        )
        if checkpoint is None:
            raise LookupError(f"no checkpoint was signed at {size} events")
        ranges = inclusion_ranges(position, checkpoint.size)
        hashes = range_hashes(conn, workspace, ranges)
        return Found(body, Inclusion(position, leaf, hashes, checkpoint))


def inclusions(
    conn: Connection[Any], workspace: UUID, positions: Sequence[int], size: int
) -> list[list[bytes]]:
    """The hashes that lead from each of these leaves to the root of ``size`` events, in one reading.

    Raises:
        ValueError: one of them lies beyond ``size``.
        nodes.Missing: the log is not that long.
    """
    paths = [inclusion_ranges(position, size) for position in positions]
    asked = list(dict.fromkeys(each for path in paths for each in path))
    found = dict(zip(asked, range_hashes(conn, workspace, asked), strict=True))
    return [[found[each] for each in path] for path in paths]


def consistency(workspace: UUID, old: int, new: int) -> list[bytes]:
    """The hashes that show that the log of ``new`` events continues the one of ``old`` (2.1.2).

    Raises:
        ValueError: unless ``0 < old <= new``.
        nodes.Missing: the log is not that long.
    """
    ranges = consistency_ranges(old, new)
    with pool().connection() as conn:
        return range_hashes(conn, workspace, ranges)
