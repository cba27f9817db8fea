"""Keeps the due kind ``slack.lane``: one post a second and channel, the most critical first.

Slack takes one post a second in a channel, and about fifty rewrites a minute of an app
(https://docs.slack.dev/apis/web-api/rate-limits).  A lane's row holds whose turn it is: whoever moves
``next_at`` forward has it, in whichever process; so nobody waits, and nothing is in memory.  Every
message brings a promise of its own, so a promise that finds nothing may go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core import failpoints
from core.db import pool
from core.due import SETTLE_DUE, Claimed
from notifications.sending import HELD, Compose
from notifications.slack import posting, rewriting
from notifications.slack.secrets import apps
from notifications.slack.turns import Turn

#: Between two posts in a channel; a little more than Slack's second, since calls do not take equally long.
POST_EVERY: Final = timedelta(seconds=1.05)
#: Between two rewrites of an app, and how many may be made at once after a pause.
REWRITE_EVERY: Final = timedelta(seconds=1.2)
REWRITES_AT_ONCE: Final = 20
THREADS: Final = 4
#: Somebody else has the turn.
SHORTLY: Final = timedelta(milliseconds=50)

_SETTLE: Final = f"WITH {SETTLE_DUE} SELECT count(*) FROM kept"
_LANE: Final = """
SELECT l.id, l.workspace_id, l.installation_id, l.kind, l.address, l.channel, l.next_at, i.state,
       (SELECT p.until FROM notifications_slackpause p
         WHERE p.installation_id = l.installation_id
           AND p.method = CASE l.kind WHEN 'post' THEN 'chat.postMessage' ELSE 'chat.update' END),
       clock_timestamp()
  FROM notifications_lane l JOIN notifications_slackinstallation i ON i.id = l.installation_id
 WHERE l.id = %(lane)s
"""
#: The turn, for one post or so many rewrites; no row where somebody else has it.
_TURN: Final = """
UPDATE notifications_lane
   SET next_at = greatest(next_at, clock_timestamp()) + %(cost)s
 WHERE id = %(lane)s AND next_at <= clock_timestamp() + %(ahead)s
RETURNING next_at
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A lane as it stands, in the order of `_LANE`."""

    lane: UUID
    workspace: UUID
    installation: UUID
    kind: str
    address: str
    channel: str
    next_at: datetime
    state: str
    paused_until: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """What a turn is used for, and when there is more of it."""

    use: Callable[[Turn, Compose], None]
    next_due: Callable[[Connection[Any]], datetime | None]
    not_before: datetime


class SlackSender:
    """What posts and rewrites in Slack, for one process."""

    def __init__(self, compose: Compose) -> None:
        """`compose` makes the cards of requests."""
        self._compose = compose

    def take(self, claimed: Sequence[Claimed]) -> None:
        """Make one call in each lane that is due; its promise comes again while there is more."""
        lanes: dict[UUID, list[Claimed]] = defaultdict(list)
        for row in claimed:
            lanes[row.subject].append(row)
        if len(lanes) == 1:
            self._serve(*lanes.popitem())
            return
        with ThreadPoolExecutor(THREADS, thread_name_prefix="slack") as threads:
            list(threads.map(lambda item: self._serve(*item), lanes.items()))

    def _serve(self, lane: UUID, rows: Sequence[Claimed]) -> None:
        again = self._call(lane)
        # One promise is enough for a lane: the others go, and what comes later brings its own.
        keep = {rows[0].id: again} if again is not None else {}
        values = {
            "due_id": [row.id for row in rows],
            "due_fence": [row.fence for row in rows],
            "due_again": [keep.get(row.id) for row in rows],
        }
        failpoints.hit("slack_before_settle")
        with pool().connection() as conn:
            conn.execute(_SETTLE, values)

    def _call(self, lane: UUID) -> datetime | None:
        """Take the turn and use it; when the lane is to be looked at again, or None.

        No connection is held while Slack is called.
        """
        with pool().connection() as conn:
            read = conn.execute(_LANE, {"lane": lane}).fetchone()
            if read is None or read[7] != "active":
                return None  # what waited in it has failed, and is told otherwise
            row = Row(*read)
            if row.paused_until is not None and row.paused_until > row.now:
                return row.paused_until
            app = apps(conn, [row.installation]).get(row.installation)
            if app is None:
                return row.now + timedelta(minutes=1)
            turn = Turn(row.lane, row.workspace, row.installation, row.address, row.channel, app)
            if row.kind == "update":
                work = self._take_rewrites(conn, row)
            else:
                work = self._take_post(conn, row)
        if isinstance(work, Work):
            work.use(turn, self._compose)
            with pool().connection() as conn:
                waits = work.next_due(conn)
            return None if waits is None else max(work.not_before, waits)
        return work

    def _take_post(self, conn: Connection[Any], row: Row) -> Work | datetime | None:
        waits = posting.next_due(conn, row.lane)
        if waits is None or waits > row.now:
            return waits
        turn = {"lane": row.lane, "cost": POST_EVERY, "ahead": timedelta(0)}
        taken = conn.execute(_TURN, turn).fetchone()
        if taken is None:
            return max(row.next_at, row.now + SHORTLY)
        held = posting.hold(conn, row.lane, HELD)
        return Work(
            use=lambda turn, compose: None if held is None else posting.post(turn, held, compose),
            next_due=lambda conn: posting.next_due(conn, row.lane),
            not_before=taken[0],
        )

    def _take_rewrites(self, conn: Connection[Any], row: Row) -> Work | datetime | None:
        stale = rewriting.stale(conn, row.installation, REWRITES_AT_ONCE)
        if not stale:
            return None
        ahead = REWRITE_EVERY * REWRITES_AT_ONCE
        room = int((row.now + ahead - row.next_at) / REWRITE_EVERY)
        taken = stale[: max(1, room)]
        cost = REWRITE_EVERY * len(taken)
        turn = {"lane": row.lane, "cost": cost, "ahead": ahead - cost}
        moved = conn.execute(_TURN, turn).fetchone()
        if moved is None:
            return max(row.next_at - ahead + cost, row.now + SHORTLY)
        return Work(
            use=lambda turn, compose: rewriting.rewrite(turn, taken, compose),
            next_due=lambda conn: rewriting.next_due(conn, row.installation),
            not_before=max(moved[0] - ahead + REWRITE_EVERY, row.now + SHORTLY),
        )
