"""A turn in a lane, and what every call in one may come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.actor import Actor
from audit.kinds import SlackBroken, SlackRecovered
from audit.log import INSERT_EVENTS, Fact, event_rows
from notifications import alarms, sending
from notifications.slack.client import App

ACTOR: Final = Actor.system("notifications")

_PAUSE: Final = """
INSERT INTO notifications_slackpause (id, installation_id, method, until)
VALUES (core_uuid7(), %(installation)s, %(method)s, clock_timestamp() + %(after)s)
ON CONFLICT (installation_id, method) DO UPDATE SET until = greatest(notifications_slackpause.until, excluded.until)
"""
_IS_PAUSED: Final = """
SELECT EXISTS (SELECT 1 FROM notifications_slackpause
                WHERE installation_id = %(installation)s AND method = %(method)s
                  AND until > clock_timestamp())
"""
_BREAK: Final = f"""
WITH broken AS (
    UPDATE notifications_slackinstallation
       SET state = 'broken', reason = %(reason)s, changed_at = clock_timestamp()
     WHERE id = %(installation)s AND state = 'active'
    RETURNING id
),
{INSERT_EVENTS}
SELECT count(*) FROM broken
"""
_WAITING: Final = """
SELECT n.id, n.request_id FROM notifications_notification n
  JOIN notifications_lane l ON l.id = n.lane_id
 WHERE l.installation_id = %(installation)s AND n.state = 'pending'
"""
_STATE: Final = "SELECT state, clock_timestamp() FROM notifications_slackinstallation WHERE id = %(installation)s FOR UPDATE"
_PLACE: Final = """
UPDATE notifications_lane SET broken_at = clock_timestamp(), reason = %(reason)s
 WHERE id = %(lane)s AND broken_at IS NULL
RETURNING clock_timestamp()
"""
_PLACE_IS_WELL: Final = """
UPDATE notifications_lane SET broken_at = NULL, reason = ''
 WHERE id = %(lane)s AND broken_at IS NOT NULL
RETURNING clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A lane whose turn is ours, and the app to call with."""

    lane: UUID
    workspace: UUID
    installation: UUID
    address: str
    channel: str
    app: App


def _mend() -> str:
    return f"Mend it on the page of channels: {alarms.channels_page()}"


def pause(conn: Connection[Any], installation: UUID, method: str, after: timedelta) -> None:
    """Call this method of this app not before: every process heeds it."""
    conn.execute(_PAUSE, {"installation": installation, "method": method, "after": after})


def is_paused(conn: Connection[Any], installation: UUID, method: str) -> bool:
    """Whether Slack asked not to call this method of this app yet."""
    values = {"installation": installation, "method": method}
    row = conn.execute(_IS_PAUSED, values).fetchone()
    return row is not None and bool(row[0])


def app_refused(conn: Connection[Any], installation: UUID, workspace: UUID, reason: str) -> None:
    """Mark an app that Slack refuses, once, and let other channels take over what waits in it."""
    with conn.transaction():
        row = conn.execute(_STATE, {"installation": installation}).fetchone()
        if row is None or row[0] != "active":
            return
        fact = Fact(
            workspace, ACTOR, ("sla", installation), SlackBroken(reason=reason[:60], channel=None)
        )
        values = {"installation": installation, "reason": reason[:60]}
        conn.execute(_BREAK, {**values, **event_rows([fact], row[1])})
        waiting = conn.execute(_WAITING, values).fetchall()
        sending.failed(conn, waiting, workspace=workspace, now=row[1], reason=reason)
        said = (
            f"Slack refuses the app ({reason[:60]}): people are told by other channels meanwhile."
        )
        alarms.tell(conn, workspace, f"{said} {_mend()}", now=row[1])


def place_refused(conn: Connection[Any], turn: Turn, role: str, reason: str) -> None:
    """Note that a place takes no posts; of a role's channel the workspace's log tells."""
    with conn.transaction():
        row = conn.execute(_PLACE, {"lane": turn.lane, "reason": reason[:60]}).fetchone()
        if row is not None and role:
            data = SlackBroken(reason=reason[:60], channel=turn.address)
            fact = Fact(turn.workspace, ACTOR, ("sla", turn.installation), data)
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], row[0]))
            said = f"Slack takes no posts in the channel of {role} ({reason[:60]}): its people are told one by one."
            alarms.tell(conn, turn.workspace, f"{said} {_mend()}", now=row[0])


def place_is_well(conn: Connection[Any], turn: Turn, role: str) -> None:
    """Note that a place takes posts, where it did not."""
    with conn.transaction():
        row = conn.execute(_PLACE_IS_WELL, {"lane": turn.lane}).fetchone()
        if row is not None and role:
            fact = Fact(
                turn.workspace,
                ACTOR,
                ("sla", turn.installation),
                SlackRecovered(channel=turn.address),
            )
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], row[0]))
