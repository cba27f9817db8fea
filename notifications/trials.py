"""Trying a channel: a message of kind ``test``, sent the way that requests are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core import ids
from core.db import pool
from core.due import INSERT_DUE, Promise, due_rows
from core.problems import FieldError, conflict, invalid, not_found
from notifications.slack import places
from notifications.sql import KIND_OF_CHANNEL, SLACK
from people.models import Person

#: A channel, a private channel, a user: what Slack calls the places that can be posted in.
_PLACE: Final = re.compile(r"[CGDUW][A-Z0-9]{2,29}")
#: What a test holds: nothing of any request.
TEXT: Final = "This is a test of Assentry. Requests that wait for people will be told here."
_APP: Final = """
SELECT state, clock_timestamp() FROM notifications_slackinstallation
 WHERE id = %(installation)s AND workspace_id = %(workspace)s AND state <> 'removed'
"""
_OTHER: Final = """
SELECT id, role, clock_timestamp() FROM notifications_otherchannel
 WHERE workspace_id = %(workspace)s AND name = %(name)s
"""
#: Critical first: whoever tries a channel looks on.
_WRITE: Final = f"""
WITH made AS (
    INSERT INTO notifications_notification (
        id, workspace_id, kind, channel, person_id, role, priority, lane_id, other_id, text, state, reason,
        tries, reference, revision, stage, shown, wanted, digest, created_at, due_at)
    VALUES (%(id)s, %(workspace)s, 'test', %(channel)s, %(person)s, %(role)s, 0, %(lane)s, %(other)s, %(text)s,
            'pending', '', 0, '', 0, 0, 0, 0, false, clock_timestamp(), clock_timestamp())
),
{INSERT_DUE}
SELECT 1
"""
_NEWEST: Final = """
SELECT n.id, n.channel, coalesce(l.address, o.name, ''), n.state, n.reason, n.tries, n.created_at, n.sent_at
  FROM notifications_notification n
  LEFT JOIN notifications_lane l ON l.id = n.lane_id
  LEFT JOIN notifications_otherchannel o ON o.id = n.other_id
 WHERE n.workspace_id = %(workspace)s AND n.kind = 'test' AND (%(one)s::uuid IS NULL OR n.id = %(one)s)
   AND n.created_at > clock_timestamp() - interval '7 days'
 ORDER BY n.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """A test, and what came of it so far; ``place`` is the Slack channel, or the other channel's name."""

    id: UUID
    channel: str
    place: str
    state: str
    reason: str
    tries: int
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class _To:
    """Where a test goes."""

    workspace: UUID
    channel: str
    now: datetime
    person: UUID | None = None
    role: str = ""
    lane: UUID | None = None
    other: UUID | None = None


def slack(*, workspace: UUID, installation: UUID, channel: str, role: str = "") -> UUID:
    """Post a test in a Slack channel, or to a user; the notification.

    Args:
        channel: Slack's id of it (``C0123456789``).
        role: whose channel it is, where it is one: that it works again is in the log then.

    Raises:
        Problem: 404; 409 ``slack_broken``; 422 at ``/channel``.
    """
    if not _PLACE.fullmatch(channel):
        detail = "The id of a channel in Slack, as its details end with it: C0123456789."
        raise invalid([FieldError("/channel", "malformed", detail)])
    values = {"workspace": workspace, "installation": installation}
    with pool().connection() as conn, conn.transaction():
        app = conn.execute(_APP, values).fetchone()
        if app is None:
            raise not_found()
        if app[0] != "active":
            raise conflict("slack_broken", "Slack refuses this app: mend it, and try it first.")
        wanted = places.Wanted(workspace, installation, channel)
        lane = places.find(conn, [wanted])[wanted]
        return _write(conn, _To(workspace, "slack", app[1], role=role, lane=lane))


def mail(*, person: Person) -> UUID:
    """Send a test mail to a person, who asked for it; the notification."""
    with pool().connection() as conn, conn.transaction():
        clock = conn.execute("SELECT clock_timestamp()").fetchone()
        assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
        return _write(conn, _To(person.workspace_id, "email", clock[0], person=person.id))


def other(*, workspace: UUID, name: str) -> UUID:
    """Send a test to a channel that only tells; the notification.

    Raises:
        Problem: 404.
    """
    with pool().connection() as conn, conn.transaction():
        found = conn.execute(_OTHER, {"workspace": workspace, "name": name}).fetchone()
        if found is None:
            raise not_found()
        return _write(conn, _To(workspace, "other", found[2], role=found[1], other=found[0]))


def newest(*, workspace: UUID, most: int = 5) -> list[Trial]:
    """The latest tests of a workspace within a week, the newest first."""
    with pool().connection() as conn:
        values = {"workspace": workspace, "most": most, "one": None}
        return [Trial(*row) for row in conn.execute(_NEWEST, values).fetchall()]


def one(*, workspace: UUID, notification: UUID) -> Trial:
    """A test, as it stands.

    Raises:
        Problem: 404.
    """
    with pool().connection() as conn:
        values = {"workspace": workspace, "most": 1, "one": notification}
        row = conn.execute(_NEWEST, values).fetchone()
    if row is None:
        raise not_found()
    return Trial(*row)


def _write(conn: Connection[Any], to: _To) -> UUID:
    id = ids.uuid7()
    kind, subject = KIND_OF_CHANNEL.get(to.channel, SLACK), to.lane or id
    values = {
        "id": id,
        "workspace": to.workspace,
        "channel": to.channel,
        "person": to.person,
        "role": to.role,
        "lane": to.lane,
        "other": to.other,
        "text": TEXT,
        **due_rows([Promise(kind, to.workspace, subject, to.now)]),
    }
    conn.execute(_WRITE, values)
    return id
