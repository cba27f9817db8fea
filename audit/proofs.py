"""Proofs that anybody can check: this event is in the log, and this log continues that one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

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
    """An event's place, and the hashes that lead from its leaf to a checkpoint's root (RFC 6962, 2.1.1).

    ``position`` and what follows are None until the event has its place: a second after its commit.
    """

    body: bytes
    position: int | None
    leaf: bytes | None
    hashes: list[bytes]
    checkpoint: Checkpoint | None


def inclusion(workspace: UUID, event: UUID, size: int | None = None) -> Inclusion | None:
    """The proof that an event is in the log of ``size`` events, by default the newest checkpoint's.

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
            return Inclusion(body, None, None, [], None)
        checkpoint = (
            checkpoints.newest(workspace, conn)
            if size is None
            else checkpoints.at_size(workspace, size, conn)
        )
        if checkpoint is None:
            raise LookupError(f"no checkpoint was signed at {size} events")
        ranges = inclusion_ranges(position, checkpoint.size)
        return Inclusion(body, position, leaf, range_hashes(conn, workspace, ranges), checkpoint)


def consistency(workspace: UUID, old: int, new: int) -> list[bytes]:
    """The hashes that show that the log of ``new`` events continues the one of ``old`` (2.1.2).

    Raises:
        ValueError: unless ``0 < old <= new``.
        nodes.Missing: the log is not that long.
    """
    ranges = consistency_ranges(old, new)
    with pool().connection() as conn:
        return range_hashes(conn, workspace, ranges)
