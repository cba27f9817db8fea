"""Keeps the due kind ``audit.anchor``: one row per target, for as long as there is the target.

Claim and commit, call out, record and commit.  A target that has the newest checkpoint is looked at
again after its interval.  A process may die anywhere: the lease ends, and what was sent is sent again;
only who still holds the row records it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import checkpoints, growth, holds
from audit.checkpoints import Checkpoint
from core import db, failpoints, http, ids
from core.db import pool
from core.due import Claimed
from oversight.anchors import files, recording, rollback, timestamps, webhooks
from oversight.anchors.errors import NotAnchored
from oversight.anchors.recording import Outcome
from oversight.anchors.schedule import FIRST_PAUSE, INTERVALS

logger = logging.getLogger(__name__)

#: Calls at once, and how long after the claim the last one begins: with its deadline it ends inside
#: the lease.
CALLS: Final = 16
LAST_BEGINS_S: Final = 18.0

_LOAD: Final = """
SELECT t.id, t.workspace_id, t.kind, t.state, t.url, t.roots, t.secret, t.private, w.plain_http,
       t.anchored_size, t.failures, clock_timestamp()
  FROM oversight_anchortarget AS t JOIN people_workspace AS w ON w.id = t.workspace_id
 WHERE t.id = ANY(%s)
"""

client: Final = http.Client(user_agent="Assentry")


@dataclass(frozen=True, slots=True)
class Target:
    """A target as it was read with its row's claim."""

    id: UUID
    workspace: UUID
    kind: str
    state: str
    url: str | None
    roots: str | None
    secret: bytes | None
    private: bytes | None
    plain: bool
    anchored_size: int | None
    failures: int
    now: datetime
    loaded: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Job:
    """A checkpoint that is to be laid down at a target."""

    due: Claimed
    target: Target
    checkpoint: Checkpoint


def keep(claimed: Sequence[Claimed], *, news_only: bool = True) -> None:
    """Keep claimed rows: lay down newest checkpoints, and say when to look again.

    Args:
        news_only: leave targets alone whose log has grown by nothing but word of anchors.
    """
    until = time.monotonic() + LAST_BEGINS_S
    with pool().connection() as conn:
        targets = {row[0]: Target(*row) for row in conn.execute(_LOAD, [_subjects(claimed)])}
        gone = [row for row in claimed if not _is_active(targets.get(row.subject))]
        here = [row for row in claimed if _is_active(targets.get(row.subject))]
        jobs, idle = [], []
        for row in here:
            checkpoint = _to_lay_down(conn, targets[row.subject], news_only=news_only)
            if checkpoint is None:
                idle.append(row)
            else:
                jobs.append(Job(row, targets[row.subject], checkpoint))
        recording.settle(conn, gone, {})
        again = {row.id: _look_again(targets[row.subject]) for row in idle}
        recording.settle(conn, idle, again)
    for job in (job for job in jobs if job.target.kind == "file"):
        _do(job, until)
    calls = [job for job in jobs if job.target.kind != "file"]
    if calls:
        with ThreadPoolExecutor(min(CALLS, len(calls)), "anchor") as threads:
            list(threads.map(partial(_do, until=until), calls))


def _subjects(claimed: Sequence[Claimed]) -> list[UUID]:
    return [row.subject for row in claimed]


def _is_active(target: Target | None) -> bool:
    return target is not None and target.state == "active"


def _look_again(target: Target) -> timedelta:
    """When a target that lacks nothing is looked at next; soon where nothing ever lay there."""
    return INTERVALS[target.kind] if target.anchored_size is not None else FIRST_PAUSE


def _to_lay_down(conn: Connection[Any], target: Target, *, news_only: bool) -> Checkpoint | None:
    """The checkpoint that the target lacks; None where there is nothing new, or the log is held."""
    newest = checkpoints.newest(target.workspace, conn)
    if newest is None or holds.is_held(conn, target.workspace):
        return None
    since = target.anchored_size or 0
    if newest.size <= since:
        return None
    if not news_only:
        return newest
    return newest if growth.first_news(conn, target.workspace, since) is not None else None


def _do(job: Job, until: float) -> None:
    """Lay one checkpoint down and record what came of it; nothing where the time is over."""
    if time.monotonic() >= until:
        return  # the row returns when its lease ends
    try:
        outcome = _attempt(job)
        failpoints.hit("anchor_after_send_before_record")
        recording.write(outcome)
    except db.Unavailable:
        logger.warning("an anchor waits for its lease to end: the database is away")
    except Exception:
        logger.exception("anchor %s failed; it returns when its lease ends", job.target.id)


def _attempt(job: Job) -> Outcome:
    target = job.target
    outcome = Outcome(job.due, target.kind, job.checkpoint)
    try:
        match target.kind:
            case "file":
                files.lay_down(target.workspace, job.checkpoint.note, partial(_judge, job))
            case "webhook":
                _tell(job)
            case _:
                roots = timestamps.roots_of(target.roots) if target.roots else []
                note = job.checkpoint.note.encode()
                outcome.stamp = timestamps.stamp(client, target.url or "", note, roots)
    except NotAnchored as failure:
        outcome.error = str(failure)
    return outcome


def _tell(job: Job) -> None:
    target = job.target
    pair = webhooks.opened(target.id, target.secret or b"", target.private or b"")
    webhooks.tell(
        client,
        target.url or "",
        message_id=f"{ids.encode('anc', target.id)}-{job.checkpoint.number}",
        content=webhooks.body(target.workspace, job.checkpoint),
        pair=pair,
        now=target.now + timedelta(seconds=time.monotonic() - target.loaded),
        plain=target.plain,
    )


def _judge(job: Job, there: str) -> bool:
    """Whether our checkpoint may replace the one that lies there (`files.Judge`)."""
    workspace = job.target.workspace
    path = files.path_of(files.folder() or Path(), workspace)
    with pool().connection() as conn:
        found = rollback.compare(conn, workspace, path, there)
        if found is not None:
            rollback.say(found)
            raise NotAnchored(f"It speaks against the log: {found.sentence}.")
        _, size, root = checkpoints.claims(there)
        if holds.is_accepted(conn, workspace, size, root):
            files.set_aside(workspace, size)
            return True
    return size < job.checkpoint.size
