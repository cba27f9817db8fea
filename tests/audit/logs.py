"""Logs to test with: events written as the product writes them, and the tree by a second way."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import pymerkle

from audit import kinds
from audit.actor import Actor
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import db
from tests.promises import ask

ACTOR = Actor.operator("tests")


def facts(workspace: UUID, count: int, *, text: bytes = b"") -> list[Fact]:
    """So many facts of one workspace; with ``text``, each commits to it."""
    commits = {"text": Commitment(text)} if text else {}
    return [
        Fact(
            workspace,
            ACTOR,
            ("req", uuid4()),
            kinds.CommentAdded(message=f"{n}", revision=n),
            commits,
        )
        for n in range(count)
    ]


def write(workspace: UUID, count: int = 1, *, text: bytes = b"") -> list[UUID]:
    """Write events in one transaction; their ids, in the order of their places."""
    with db.pool().connection() as conn:
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        rows = event_rows(facts(workspace, count, text=text), now)
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
    return rows["ev_id"]


def bodies(workspace: UUID) -> list[bytes]:
    """The events that have places, in order of their positions."""
    return [
        bytes(body)
        for (body,) in ask(
            "SELECT e.body FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id"
            " WHERE l.workspace_id = %s ORDER BY l.position",
            workspace,
        )
    ]


def positions(workspace: UUID) -> list[int]:
    """Every position that is taken."""
    return [
        position
        for (position,) in ask(
            "SELECT position FROM audit_leaf WHERE workspace_id = %s ORDER BY position", workspace
        )
    ]


def waiting(workspace: UUID) -> int:
    """How many events have no place yet."""
    ((count,),) = ask("SELECT count(*) FROM audit_pending WHERE workspace_id = %s", workspace)
    return int(count)


def oracle(entries: Sequence[bytes]) -> pymerkle.InmemoryTree:
    """The tree over these events, by somebody else."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree
