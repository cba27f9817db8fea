"""Rewriting what stands in Slack: whatever became of a request, every copy of it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core.db import pool
from notifications import sending
from notifications.card import Card
from notifications.sending import Compose, Shown
from notifications.slack import blocks, client, turns
from notifications.slack.client import TIMEOUT_S, App, AppRefused, Later, SlackFailure
from notifications.slack.turns import Turn

#: What fails is looked at again after this, whatever else waits.
PAUSE: Final = timedelta(seconds=5)

_STALE: Final = """
SELECT n.id, n.request_id, n.reference, n.revision, n.stage
  FROM notifications_notification n JOIN notifications_lane l ON l.id = n.lane_id
 WHERE n.workspace_id = l.workspace_id AND l.installation_id = %(installation)s
   AND n.state = 'sent' AND n.channel = 'slack' AND n.kind = 'asked' AND n.wanted > n.shown
   AND n.reference <> '' AND n.due_at <= clock_timestamp()
 ORDER BY n.priority, n.wanted, n.id LIMIT %(most)s
"""
_NEXT_DUE: Final = """
SELECT min(n.due_at)
  FROM notifications_notification n JOIN notifications_lane l ON l.id = n.lane_id
 WHERE l.installation_id = %(installation)s AND n.state = 'sent' AND n.channel = 'slack'
   AND n.kind = 'asked' AND n.wanted > n.shown AND n.reference <> ''
"""
#: A copy that cannot be rewritten any more is left as it is: its buttons decide nothing.
_LEAVE: Final = (
    "UPDATE notifications_notification SET shown = wanted, reason = %(reason)s WHERE id = %(id)s"
)
_AGAIN: Final = (
    "UPDATE notifications_notification SET due_at = clock_timestamp() + %(pause)s WHERE id = %(id)s"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that shows what is no longer so."""

    id: UUID
    request: UUID
    reference: str
    revision: int
    stage: int


def stale(conn: Connection[Any], installation: UUID, most: int) -> list[Copy]:
    """Copies that are to be rewritten now, the most critical first."""
    values = {"installation": installation, "most": most}
    return [Copy(*row) for row in conn.execute(_STALE, values).fetchall()]


def next_due(conn: Connection[Any], installation: UUID) -> datetime | None:
    """When the next copy is to be rewritten; None where every one is as it should be."""
    row = conn.execute(_NEXT_DUE, {"installation": installation}).fetchone()
    return None if row is None else row[0]


def rewrite(turn: Turn, copies: Sequence[Copy], compose: Compose) -> None:
    """Rewrite these copies, one call each; the latest state wins."""
    with pool().connection() as conn:
        cards = compose(conn, list({copy.request for copy in copies}))
    for copy in copies:
        card = cards.get(copy.request)
        if card is None:
            _note(_LEAVE, {"id": copy.id, "reason": "gone"})
        elif not _rewrite(turn, copy, card):
            return


def show(app: App, copy: Copy, card: Card, *, timeout_s: float = TIMEOUT_S) -> None:
    """Show the request as it stands in one message, and note that it does.

    Raises:
        SlackFailure: it does not.
    """
    deciding = card.deciding
    asks = deciding is not None and (deciding.revision, deciding.stage) == (
        copy.revision,
        copy.stage,
    )
    rendered = blocks.render(card, copy.id, asks=asks)
    channel, _, ts = copy.reference.partition(":")
    arguments = {"channel": channel, "ts": ts, "text": rendered.text, "blocks": rendered.blocks}
    client.call(app, "chat.update", arguments, timeout_s=timeout_s)
    digest = card.digest("slack") if asks else None
    with pool().connection() as conn:
        sending.sent(conn, [Shown(copy.id, copy.reference, card.sequence, digest)])


def _rewrite(turn: Turn, copy: Copy, card: Card) -> bool:
    """Rewrite one; false where the others need not be tried now."""
    try:
        show(turn.app, copy, card)
    except AppRefused as failure:
        with pool().connection() as conn:
            turns.app_refused(conn, turn.installation, turn.workspace, str(failure))
        return False
    except Later as failure:
        with pool().connection() as conn:
            if failure.after is not None:
                turns.pause(conn, turn.installation, "chat.update", failure.after)
            conn.execute(_AGAIN, {"id": copy.id, "pause": failure.after or PAUSE})
        return failure.after is None
    except SlackFailure as failure:
        _note(_LEAVE, {"id": copy.id, "reason": str(failure)[:200]})
    return True


def _note(statement: str, values: dict[str, Any]) -> None:
    with pool().connection() as conn:
        conn.execute(statement, values)
