"""Words under a card in Slack are kept with its request, as a comment among people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid5

from api.slack import people
from api.slack.afterwards import afterwards
from approvals import returning
from core.db import pool
from core.problems import Problem
from notifications.slack.signature import Installed

MOST: Final = 3_900

_CARD: Final = """
SELECT n.id, n.request_id, n.workspace_id, n.lane_id, l.installation_id, n.priority
  FROM notifications_notification n JOIN notifications_lane l ON l.id = n.lane_id
 WHERE n.kind = 'asked' AND n.channel = 'slack' AND n.reference = %(reference)s
   AND l.installation_id = ANY(%(installations)s)
"""
#: It stands under the card already, so it is not posted there again.
_STANDS: Final = """
INSERT INTO notifications_notification (
    id, workspace_id, request_id, kind, channel, person_id, role, revision, stage, priority, lane_id,
    under_id, message_id, text, digest, state, reason, tries, reference, shown, wanted, sent_at)
VALUES (core_uuid7(), %(workspace)s, %(request)s, 'reply', 'slack', %(person)s, '', 0, 0, %(priority)s,
        %(lane)s, %(under)s, %(message)s, '', false, 'sent', '', 0, %(reference)s, 0, 0, clock_timestamp())
ON CONFLICT DO NOTHING
"""
_STANDS_NOT: Final = (
    "DELETE FROM notifications_notification WHERE under_id = %(under)s AND message_id = %(message)s"
)


def said(event: Mapping[str, Any], installed: Sequence[Installed]) -> None:
    """Keep what a person wrote in a card's thread; everything else in a channel is none of ours.

    Slack repeats what it heard no answer to: a message has one id, made from where it stands.
    """
    text, thread = str(event.get("text", "")).strip(), event.get("thread_ts")
    if event.get("subtype") or event.get("bot_id") or not thread or not text:
        return
    channel, user = str(event.get("channel", "")), str(event.get("user", ""))
    with pool().connection() as conn:
        values = {
            "reference": f"{channel}:{thread}",
            "installations": [one.id for one in installed],
        }
        row = conn.execute(_CARD, values).fetchone()
    if row is None:
        return
    notification, request, workspace, lane, installation, priority = row
    own = [one for one in installed if one.id == installation]
    known = [one for one in people.bound(own, user) if one.active]
    if not known:
        said = "This was not kept with the request: type */assentry connect* first."
        afterwards.whisper(installation, channel, user, said)
        return
    stands = {
        "workspace": workspace,
        "request": request,
        "person": known[0].person,
        "priority": priority,
        "lane": lane,
        "under": notification,
        "message": uuid5(installation, f"{channel}:{event.get('ts', '')}"),
        "reference": f"{channel}:{event.get('ts', '')}",
    }
    with pool().connection() as conn:
        conn.execute(_STANDS, stands)
    try:
        returning.comment(
            actor=people.actor_of(known[0]),
            reader=people.reader_of(known[0]),
            request_id=request,
            text=text[:MOST],
            message_id=stands["message"],
        )
    except Problem as problem:
        with pool().connection() as conn:
            conn.execute(_STANDS_NOT, stands)
        said = f"This was not kept with the request. {problem.detail}"
        afterwards.whisper(installation, channel, user, said)
