"""Fills a workspace's log, straight into its tables: ``python -m benchmarks.log_fill SLUG COUNT``.

As the product would have written and sequenced it: canonical bytes, leaves, stored subtrees, and one signed
checkpoint at the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.wsgi import application as _ready  # first: it makes Django ready for the others

# isort: split
from psycopg import Connection

from audit import checkpoints
from audit.log import rfc3339
from audit.nodes import STORED
from audit.sequencer import sequence
from audit.tree import Frontier, leaf_hash
from core import db, ids
from people.services import workspace_by_slug
from signing import keys
from signing.keys import signers

__all__ = ["_ready", "main"]

BATCH = 20_000
_HEAD = """
SELECT number, size, frontier FROM audit_checkpoint WHERE workspace_id = %s ORDER BY number DESC LIMIT 1
"""
_BODY = (
    b'{"actor":{"id":"%b","type":"person","via":"web"},"at":"%b","commitments":{"text":"sha256:%064x"},'
    b'"data":{"message":"%b","revision":1},"id":"%b","kind":"request.commented","subject":"%b","v":1,'
    b'"workspace":"%b"}'
)
_TABLES = {
    "audit_event": "id, workspace_id, kind, at, subject, body",
    "audit_leaf": "event_id, workspace_id, position, hash",
    "audit_subtree": "workspace_id, level, index, hash",
}


def main(arguments: list[str]) -> int:
    """Add so many events."""
    slug, count = arguments[0], int(arguments[1])
    workspace = workspace_by_slug(slug).id
    sequence(workspace)
    signer = signers.current(keys.LOG)
    with db.connect() as conn, conn.transaction():
        number, size, packed = conn.execute(_HEAD, [workspace]).fetchone() or (-1, 0, b"")
        frontier = Frontier.unpack(size, packed)
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        for start in range(0, count, BATCH):
            _add(conn, workspace, frontier, now, range(start, min(count, start + BATCH)))
        note = checkpoints.make(workspace, frontier.size, frontier.root(), signer)
        conn.execute(
            "INSERT INTO audit_checkpoint (workspace_id, number, size, root, frontier, note, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())",
            [workspace, number + 1, frontier.size, frontier.root(), frontier.pack(), note],
        )
    with db.connect() as conn:
        conn.execute("ANALYZE audit_event, audit_leaf")
    return 0


def _add(
    conn: Connection[Any],
    workspace: UUID,
    frontier: Frontier,
    now: datetime,
    numbers: range,
) -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _TABLES}

    def completed(level: int, index: int, digest: bytes) -> None:
        if level % STORED == 0:
            rows["audit_subtree"].append((workspace, level, index, digest))

    for event, subject, at, body in _events(workspace, now, numbers):
        digest = leaf_hash(body)
        rows["audit_event"].append((event, workspace, "request.commented", at, subject, body))
        rows["audit_leaf"].append((event, workspace, frontier.size, digest))
        frontier.append(digest, completed)
    for table, columns in _TABLES.items():
        with conn.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows[table]:
                copy.write_row(row)


def _events(
    workspace: UUID, now: datetime, numbers: range
) -> Iterator[tuple[UUID, UUID, datetime, bytes]]:
    named = ids.encode("wsp", workspace).encode()
    person = ids.encode("per", ids.uuid7()).encode()
    for number in numbers:
        event, subject = ids.uuid7(), ids.uuid7()
        at = now + timedelta(microseconds=number)  # never back, or no verifier takes it
        about = ids.encode("req", subject).encode()
        message = ids.encode("msg", subject).encode()
        body = _BODY % (
            *(person, rfc3339(at).encode(), number, message),
            *(ids.encode("evt", event).encode(), about, named),
        )
        yield event, subject, at, body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
