"""Measures a log inside one process: ``python -m benchmarks.log_sequence SLUG EVENTS PROOFS``; prints JSON.

Sequences so many events that wait, then asks for proofs of random ones of the whole log and checks each.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from uuid import UUID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.wsgi import application as _ready  # first: it makes Django ready for the others

# isort: split
from audit import proofs, tree
from audit.actor import Actor
from audit.kinds import CommentAdded
from audit.log import INSERT_EVENTS, Fact, event_rows
from audit.sequencer import sequence
from core import db, ids
from people.services import workspace_by_slug

__all__ = ["_ready", "main"]

BATCH = 5_000


def main(arguments: list[str]) -> int:
    """Measure, and print what was measured."""
    slug, events, wanted = arguments[0], int(arguments[1]), int(arguments[2])
    workspace = workspace_by_slug(slug).id
    sequence(workspace)
    for start in range(0, events, BATCH):
        _write(workspace, min(BATCH, events - start))
    begun = time.perf_counter()
    placed = sequence(workspace)
    took = time.perf_counter() - begun
    sys.stdout.write(
        json.dumps({"placed": placed, "seconds": took, "proofs_s": _proofs(workspace, wanted)})
        + "\n"
    )
    return 0


def _write(workspace: UUID, count: int) -> None:
    actor = Actor.operator("benchmarks")
    facts = [
        Fact(workspace, actor, ("req", ids.uuid7()), CommentAdded(message=f"{n}", revision=1))
        for n in range(count)
    ]
    with db.connect() as conn:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101  # a SELECT without FROM always answers
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows(facts, row[0]))


def _proofs(workspace: UUID, wanted: int) -> list[float]:
    with db.connect() as conn:
        row = conn.execute(
            "SELECT max(position) FROM audit_leaf WHERE workspace_id = %s", [workspace]
        ).fetchone()
        assert row is not None  # noqa: S101  # an aggregate always answers
        positions = random.Random(7).choices(range(row[0] + 1), k=wanted)  # noqa: S311
        events = [
            event
            for position in positions
            for (event,) in conn.execute(
                "SELECT event_id FROM audit_leaf WHERE workspace_id = %s AND position = %s",
                [workspace, position],
            )
        ]
    took = []
    for event in events:
        begun = time.perf_counter()
        found = proofs.inclusion(workspace, event)
        took.append(time.perf_counter() - begun)
        place = found.place if found else None
        if place is None or place.checkpoint.root != tree.root_from_inclusion(
            place.position, place.checkpoint.size, place.leaf, place.hashes
        ):
            raise SystemExit("a proof does not lead to the root")
    return took


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
