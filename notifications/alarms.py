"""Telling a workspace's administrators that something does not work, by whatever does.

The log has it as an event, and the page of channels shows it; this is so that nobody has to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Connection

from core import ids
from core.due import INSERT_DUE, Promise, due_rows
from notifications import reaching, routes
from notifications.slack import places
from notifications.slack.places import Wanted
from notifications.sql import KIND_OF_CHANNEL, SLACK
from people.sql import HOLDS

MOST_TEXT: Final = 1_000


def channels_page() -> str:
    """Where administrators mend channels: the page's address."""
    return f"{settings.BASE_URL}/channels"


_ADMINISTRATORS: Final = f"""
SELECT p.id FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.workspace_id = %(workspace)s AND p.active AND u.is_active
   AND {HOLDS.format(user="u.id", workspace="p.workspace_id", permission="administer")}
"""
_WRITE: Final = f"""
WITH made AS (
    INSERT INTO notifications_notification (
        id, workspace_id, kind, channel, person_id, role, revision, stage, priority, lane_id, digest, wanted,
        text, state, reason, tries, reference, shown)
    SELECT n.id, %(workspace)s, 'alarm', n.channel, n.person, '', 0, 0, 0, n.lane, false, 0, %(text)s,
           'pending', '', 0, '', 0
      FROM unnest(%(ids)s::uuid[], %(channels)s::text[], %(people)s::uuid[], %(lanes)s::uuid[])
        AS n (id, channel, person, lane)
),
{INSERT_DUE}
SELECT 1
"""


def tell(conn: Connection[Any], workspace: UUID, text: str, *, now: datetime) -> None:
    """Tell every administrator, in the caller's transaction; quiet hours do not hold it back.

    Args:
        text: a sentence of ours and what to do; nothing of a request but its id.
    """
    people = [row[0] for row in conn.execute(_ADMINISTRATORS, {"workspace": workspace}).fetchall()]
    reach = reaching.of(conn, people)
    told = [
        (ids.uuid7(), channel, reach[person])
        for person in people
        if person in reach
        for channel in routes.next_channels(reach[person], (), (), now)
    ]
    wanted = [Wanted(workspace, *one.slack[0]) for _, channel, one in told if channel == "slack"]
    lanes = {(one.installation, one.address): at for one, at in places.find(conn, wanted).items()}
    rows = [
        (id, channel, one.person, lanes[one.slack[0]] if channel == "slack" else None)
        for id, channel, one in told
    ]
    _write(conn, workspace, text[:MOST_TEXT], rows, now)


def _write(
    conn: Connection[Any],
    workspace: UUID,
    text: str,
    rows: Sequence[tuple[UUID, str, UUID, UUID | None]],
    now: datetime,
) -> None:
    promises = [
        Promise(SLACK, workspace, lane, now)
        if lane is not None
        else Promise(KIND_OF_CHANNEL[channel], workspace, id, now)
        for id, channel, _, lane in rows
    ]
    values = {
        "workspace": workspace,
        "text": text,
        "ids": [row[0] for row in rows],
        "channels": [row[1] for row in rows],
        "people": [row[2] for row in rows],
        "lanes": [row[3] for row in rows],
        **due_rows(promises),
    }
    conn.execute(_WRITE, values)
