"""Gives committed events their places: a position without gaps, a larger tree, a signed checkpoint.

One holder per workspace at a time, whichever worker it is.  Events are taken as they become visible
(ids commit out of order), in batches; who writes events never waits for it.  The tree that a
checkpoint speaks of commits with it: a process that dies leaves the log as it was.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, OperationalError

from audit import checkpoints, holds
from audit.nodes import STORED
from audit.tree import Frontier, leaf_hash
from core import failpoints
from core.db import Unavailable, pool
from signing import keys
from signing.keys import signers

logger = logging.getLogger(__name__)

BATCH: Final = 2_000
#: Workspaces whose log this process could not sequence the last time.
_failing: Final[set[UUID]] = set()

# A loose index scan: one look per workspace that has something, however much it is.
_WAITING: Final = """
WITH RECURSIVE waiting (workspace_id) AS (
    (SELECT workspace_id FROM audit_pending ORDER BY workspace_id LIMIT 1)
    UNION ALL
    SELECT (SELECT p.workspace_id FROM audit_pending AS p
             WHERE p.workspace_id > waiting.workspace_id ORDER BY p.workspace_id LIMIT 1)
      FROM waiting WHERE waiting.workspace_id IS NOT NULL
)
SELECT workspace_id FROM waiting
 WHERE workspace_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM audit_hold AS h
                    WHERE h.workspace_id = waiting.workspace_id AND h.accepted_at IS NULL)
"""
_LOCK: Final = f"SELECT pg_try_advisory_xact_lock({holds.LOCK_KEY})"
_HEAD: Final = """
SELECT number, size, frontier FROM audit_checkpoint
 WHERE workspace_id = %s ORDER BY number DESC LIMIT 1
"""
_TAKE: Final = """
WITH taken AS (
    DELETE FROM audit_pending WHERE event_id = ANY(ARRAY(
        SELECT event_id FROM audit_pending WHERE workspace_id = %s ORDER BY event_id LIMIT %s))
    RETURNING event_id
)
SELECT e.id, e.body FROM taken JOIN audit_event AS e ON e.id = taken.event_id ORDER BY e.at, e.id
"""
_GROW: Final = """
WITH leaves AS (
    INSERT INTO audit_leaf (event_id, workspace_id, position, hash)
    SELECT l.event, %(workspace)s, %(first)s + l.nth - 1, l.hash
      FROM unnest(%(events)s::uuid[], %(hashes)s::bytea[]) WITH ORDINALITY AS l (event, hash, nth)
),
subtrees AS (
    INSERT INTO audit_subtree (workspace_id, level, index, hash)
    SELECT %(workspace)s, s.level, s.index, s.hash
      FROM unnest(%(levels)s::int[], %(indices)s::bigint[], %(nodes)s::bytea[]) AS s (level, index, hash)
)
INSERT INTO audit_checkpoint (workspace_id, number, size, root, frontier, note, at)
VALUES (%(workspace)s, %(number)s, %(size)s, %(root)s, %(frontier)s, %(note)s, clock_timestamp())
"""


@dataclass(slots=True)
class _Completed:
    """Subtrees that a batch filled and that are stored."""

    levels: list[int] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    nodes: list[bytes] = field(default_factory=list)

    def hear(self, level: int, index: int, digest: bytes) -> None:
        if level % STORED == 0:
            self.levels.append(level)
            self.indices.append(index)
            self.nodes.append(digest)


def sequence_all() -> int:
    """Sequence what waits in every workspace; return how many events got their places.

    A workspace whose log fails is logged and left; the others go on.  An absent database ends it.
    """
    with pool().connection() as conn:
        waiting = [row[0] for row in conn.execute(_WAITING)]
    placed = 0
    for workspace in waiting:
        try:
            placed += sequence(workspace)
        except (Unavailable, OperationalError):
            raise
        except Exception:
            # It is tried four times a second: once is enough to say so.
            if workspace not in _failing:
                logger.exception("the log of workspace %s could not be sequenced", workspace)
            _failing.add(workspace)
        else:
            if workspace in _failing:
                _failing.discard(workspace)
                logger.warning("the log of workspace %s is sequenced again", workspace)
    return placed


def sequence(workspace: UUID) -> int:
    """Sequence what waits in a workspace's log; return how many events got their places.

    Nothing where another holds it, or where it contradicts an anchor (`audit.holds`).
    """
    placed = 0
    signers.current(keys.LOG)  # found before a connection is held
    while True:
        with pool().connection() as conn, conn.transaction():
            batch = _sequence_batch(conn, workspace)
        placed += batch
        if batch < BATCH:
            return placed


def _sequence_batch(conn: Connection[Any], workspace: UUID) -> int:
    locked = conn.execute(_LOCK, [str(workspace)]).fetchone()
    if locked is None or not locked[0] or holds.is_held(conn, workspace):
        return 0
    with conn.cursor(binary=True) as cursor:
        events = cursor.execute(_TAKE, [workspace, BATCH]).fetchall()
        if not events:
            return 0
        head = cursor.execute(_HEAD, [workspace]).fetchone()
    number, size, packed = head or (-1, 0, b"")
    frontier, completed = Frontier.unpack(size, packed), _Completed()
    hashes = [leaf_hash(body) for _, body in events]
    for digest in hashes:
        frontier.append(digest, completed.hear)
    root = frontier.root()
    signer = signers.current(keys.LOG)
    failpoints.hit("sequence_before_last_statement")
    conn.execute(
        _GROW,
        {
            "workspace": workspace,
            "first": size,
            "events": [event for event, _ in events],
            "hashes": hashes,
            "levels": completed.levels,
            "indices": completed.indices,
            "nodes": completed.nodes,
            "number": number + 1,
            "size": frontier.size,
            "root": root,
            "frontier": frontier.pack(),
            "note": checkpoints.make(workspace, frontier.size, root, signer),
        },
    )
    return len(events)
