"""Words under a card in Slack are kept with its request, as a comment among people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid5

from api.slack import people
from api.slack.afterwards import afterwards
from api.slack.reading import text
from approvals import returning
from core.db import pool
from core.problems import Problem
from notifications.slack.signature import Installed

#: As many characters as a comment has elsewhere.
MOST: Final = 4_000
#: No subtype, and those of words that people wrote all the same.
_OF_PEOPLE: Final = frozenset({"", "thread_broadcast", "file_share", "me_message"})
_MARKUP: Final = re.compile(r"<([^<>]*)>")

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
    written, thread = spoken(text(event, "text")).strip(), text(event, "thread_ts")
    if text(event, "subtype") not in _OF_PEOPLE or event.get("bot_id") or not thread or not written:
        return
    channel, user, ts = text(event, "channel"), text(event, "user"), text(event, "ts")
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
    team = text(event, "user_team") or text(event, "source_team") or text(event, "team")
    known = [one for one in people.bound(own, user, team) if one.active]
    if not known or len(written) > MOST:
        said = (
            f"it is longer than {MOST:,} characters."
            if known
            else "type “/assentry connect” first."
        )
        said = f"This was not kept with the request: {said}"
        afterwards.whisper(installation, channel, user, said, thread=thread)
        return
    stands = {
        "workspace": workspace,
        "request": request,
        "person": known[0].person,
        "priority": priority,
        "lane": lane,
        "under": notification,
        "message": uuid5(installation, f"{channel}:{ts}"),
        "reference": f"{channel}:{ts}",
    }
    with pool().connection() as conn:
        conn.execute(_STANDS, stands)
    try:
        returning.comment(
            actor=people.actor_of(known[0]),
            reader=people.reader_of(known[0]),
            request_id=request,
            text=written,
            message_id=stands["message"],
        )
    except Problem as problem:
        with pool().connection() as conn:
            conn.execute(_STANDS_NOT, stands)
        said = f"This was not kept with the request. {problem.detail}"
        afterwards.whisper(installation, channel, user, said, thread=thread)


def spoken(written: str) -> str:
    """What somebody wrote, without Slack's markup of links, names and the characters it escapes.

    Source: https://docs.slack.dev/messaging/formatting-message-text
    """
    shown = _MARKUP.sub(_unmarked, written)
    # These three are all that Slack escapes: anything else that looks so was typed.
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _unmarked(found: re.Match[str]) -> str:
    """``<https://a.example|a>``, ``<@U0ANA>``, ``<#C0DESK|desk>`` and ``<!channel>`` as people read them."""
    inner, _, label = found[1].partition("|")
    match inner[:1]:
        case "@" | "#":
            return f"{inner[0]}{label or inner[1:]}"
        case "!":
            return label or f"@{inner[1:].partition('^')[0]}"
        case _:
            # Where it leads is said too: a label may name another place.
            return inner if label in ("", inner) else f"{label} ({inner})"
