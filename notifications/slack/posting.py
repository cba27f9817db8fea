"""Posting in Slack: the next message of a lane, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core import failpoints
from core.db import pool
from core.due import INSERT_DUE, Promise, due_rows
from notifications import sending
from notifications.sending import Compose, Shown
from notifications.singly import WHILE_PENDING
from notifications.slack import blocks, client, places, turns
from notifications.slack.client import AppRefused, Later, PlaceRefused, SlackFailure
from notifications.slack.places import Wanted
from notifications.slack.turns import Turn
from notifications.sql import SLACK

_NEXT_DUE: Final = """
SELECT min(greatest(due_at, coalesce(held_until, due_at))) FROM notifications_notification
 WHERE lane_id = %(lane)s AND state = 'pending'
"""
#: The most critical first, then the oldest; whoever holds it sends it.
_HOLD: Final = """
UPDATE notifications_notification n
   SET held_until = clock_timestamp() + %(held)s, tries = n.tries + 1
 WHERE n.id = (
     SELECT id FROM notifications_notification
      WHERE lane_id = %(lane)s AND state = 'pending' AND due_at <= clock_timestamp()
        AND (held_until IS NULL OR held_until <= clock_timestamp())
      ORDER BY priority, created_at, id LIMIT 1
      FOR UPDATE SKIP LOCKED)
RETURNING n.id, n.request_id, n.kind, n.role, n.tries, n.text, n.under_id, clock_timestamp()
"""
_UNDER: Final = (
    "SELECT reference FROM notifications_notification WHERE id = %(id)s AND state = 'sent'"
)
_WITHDRAW: Final = """
UPDATE notifications_notification SET state = 'withdrawn', held_until = NULL
 WHERE id = %(id)s AND state = 'pending'
"""
_CHANNEL: Final = "UPDATE notifications_lane SET channel = %(channel)s WHERE id = %(lane)s"


@dataclass(frozen=True, slots=True)
class Held:
    """A notification that is ours to send."""

    id: UUID
    request: UUID | None
    kind: str
    role: str
    tries: int
    text: str
    under: UUID | None
    now: datetime


def next_due(conn: Connection[Any], lane: UUID) -> datetime | None:
    """When the next message of a lane may be sent; None where nothing waits."""
    row = conn.execute(_NEXT_DUE, {"lane": lane}).fetchone()
    return None if row is None else row[0]


def hold(conn: Connection[Any], lane: UUID, held: timedelta) -> Held | None:
    """Take the message whose turn it is."""
    row = conn.execute(_HOLD, {"lane": lane, "held": held}).fetchone()
    return None if row is None else Held(*row)


def post(turn: Turn, held: Held, compose: Compose) -> None:
    """Post it, and write what came of it."""
    with pool().connection() as conn:
        message = _message(conn, held, compose)
    if message is None:
        with pool().connection() as conn:
            conn.execute(_WITHDRAW, {"id": held.id})
        return
    arguments, sequence, digest = message
    try:
        channel = turn.channel or _place(turn)
        answer = client.call(
            turn.app, "chat.postMessage", {**QUIET, **arguments, "channel": channel}
        )
    except SlackFailure as failure:
        _not_posted(turn, held, failure)
        return
    failpoints.hit("slack_after_post_before_record")
    reference = f"{answer.get('channel', channel)}:{answer.get('ts', '')}"
    with pool().connection() as conn, conn.transaction():
        stale = sending.sent(conn, [Shown(held.id, reference, sequence, digest)])
        turns.place_is_well(conn, turn, held.role)
        if stale and held.kind == "asked":
            promise_rewrite(conn, turn.workspace, turn.installation)


#: Nothing is fetched for a preview, and no name in a text becomes a mention.
QUIET: Final[dict[str, Any]] = {
    "unfurl_links": False,
    "unfurl_media": False,
    "link_names": False,
    "parse": "none",
}


def promise_rewrite(conn: Connection[Any], workspace: UUID, installation: UUID) -> None:
    """Have the copies of this installation looked at, in the caller's transaction."""
    wanted = Wanted(workspace, installation, "", "update")
    lane = places.find(conn, [wanted])[wanted]
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    promise = Promise(SLACK, workspace, lane, clock[0])
    conn.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows([promise]))


def _message(
    conn: Connection[Any], held: Held, compose: Compose
) -> tuple[dict[str, Any], int, bytes | None] | None:
    """What to post, the request's sequence and the digest shown; None: there is nothing to tell any more."""
    if held.kind in ("test", "alarm"):
        return blocks.reply(held.text), 0, None
    if held.kind == "drill":
        said, _, url = held.text.rpartition(" ")
        return blocks.told(said, ("I am here", url)), 0, None
    if held.kind == "reply":
        under = conn.execute(_UNDER, {"id": held.under}).fetchone()
        if under is None:
            return None
        thread = under[0].partition(":")[2]
        return {"thread_ts": thread, **blocks.reply(held.text)}, 0, None
    card = compose(conn, [held.request] if held.request else []).get(held.request)  # type: ignore[arg-type]
    if card is None or (held.kind in WHILE_PENDING and not card.pending):
        return None
    if held.kind in ("reminder", "notice"):
        said = f"{held.text} {card.risk.capitalize()} risk: {card.title}"
        return blocks.told(said, ("Open it", card.url)), card.sequence, None
    rendered = blocks.render(card, held.id)
    message = {"text": rendered.text, "blocks": rendered.blocks}
    return message, card.sequence, card.digest("slack")


def _place(turn: Turn) -> str:
    """The channel of a lane: that of a user's direct messages is asked for once."""
    if not turn.address.startswith(("U", "W")):
        return turn.address
    answer = client.call(turn.app, "conversations.open", {"users": turn.address})
    channel = str(answer.get("channel", {}).get("id", ""))
    with pool().connection() as conn:
        conn.execute(_CHANNEL, {"channel": channel, "lane": turn.lane})
    return channel


def _not_posted(turn: Turn, held: Held, failure: SlackFailure) -> None:
    with pool().connection() as conn:
        match failure:
            case AppRefused():
                turns.app_refused(conn, turn.installation, turn.workspace, str(failure))
            case Later(after=after):
                with conn.transaction():
                    if after is not None:
                        turns.pause(conn, turn.installation, "chat.postMessage", after)
                    sending.later(
                        conn,
                        held.id,
                        workspace=turn.workspace,
                        request=held.request,
                        kind=held.kind,
                        tries=held.tries,
                        now=held.now,
                        reason=str(failure),
                        after=after,
                    )
            case _:
                with conn.transaction():
                    sending.failed(
                        conn,
                        [(held.id, held.request)],
                        workspace=turn.workspace,
                        now=held.now,
                        reason=str(failure),
                    )
                    if isinstance(failure, PlaceRefused):
                        turns.place_refused(conn, turn, held.role, str(failure))
