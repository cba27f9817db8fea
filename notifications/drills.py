"""Messages of drills: sent by the very channels that a request would use, and asking nothing.

Quiet hours do not hold them back: whoever starts a drill waits for what comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core import ids
from core.due import INSERT_DUE, Promise, due_rows
from notifications import reaching, routes
from notifications.lining_up import installation_of
from notifications.slack import places
from notifications.slack.places import Wanted
from notifications.sql import KIND_OF_CHANNEL, SLACK
from people.sql import NAME_OF

#: The link stands last: channels that have buttons put it on one.
TEXT: Final = "Drill: nothing is asked of you. Open this link and press “I am here”: {url}"

_WRITE: Final = f"""
WITH made AS (
    INSERT INTO notifications_notification (
        id, workspace_id, drill_id, kind, channel, person_id, role, revision, stage, priority, lane_id,
        other_id, digest, wanted, text, state, reason, tries, reference, shown)
    SELECT n.id, %(workspace)s, %(drill)s, 'drill', n.channel, n.person, n.role, 0, 0, 0, n.lane,
           n.other, false, 0, %(text)s, 'pending', '', 0, '', 0
      FROM unnest(%(id)s::uuid[], %(channel)s::text[], %(person)s::uuid[], %(role)s::text[],
                  %(lane)s::uuid[], %(other)s::uuid[]) AS n (id, channel, person, role, lane, other)
),
{INSERT_DUE}
SELECT 1
"""
_SENT: Final = f"""
SELECT n.person_id, {NAME_OF.format(person="n.person_id")}, n.role, n.channel,
       coalesce(o.name, CASE WHEN n.person_id IS NULL THEN l.address END, ''), n.state, n.reason, n.created_at,
       n.sent_at
  FROM notifications_notification n
  LEFT JOIN notifications_lane l ON l.id = n.lane_id
  LEFT JOIN notifications_otherchannel o ON o.id = n.other_id
 WHERE n.workspace_id = %(workspace)s AND n.drill_id = %(drill)s
 ORDER BY n.id
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a drill; without a person it went to a channel of a role's own, called ``place``."""

    person: UUID | None
    name: str | None
    role: str
    channel: str
    place: str
    state: str
    reason: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(slots=True)
class _New:
    channel: str
    person: UUID | None = None
    role: str = ""
    slack: tuple[UUID, str] | None = None
    other: UUID | None = None


def tell(
    conn: Connection[Any],
    *,
    workspace: UUID,
    drill: UUID,
    url: str,
    people: Mapping[UUID, Sequence[str]],
    slack: Mapping[str, str],
    roles: Sequence[str],
    defaults: Mapping[str, Sequence[str]],
    now: datetime,
) -> int:
    """Write the messages of a drill, in the caller's transaction; how many there are.

    Args:
        url: of its page.
        people: who is told, with the roles that make it so.
        slack: the Slack channels of roles.
        roles: whose own channels are told.
        defaults: how members of roles are told unless they chose themselves.
    """
    reach = reaching.of(conn, list(people))
    new = [
        _New(channel, person, slack=reach[person].slack[0] if channel == "slack" else None)
        for person, held in people.items()
        if person in reach
        for channel in routes.next_channels(reach[person], routes.merged(defaults, held), (), now)
    ]
    known = reaching.places(conn, [workspace])
    for role in roles:
        app = installation_of(known.installations.get(workspace, ()), slack.get(role, ""))
        if role in slack and app is not None:
            new.append(_New("slack", role=role, slack=(app, slack[role].rpartition("/")[2])))
        for other, _ in known.others.get((workspace, role), ()):
            new.append(_New("other", role=role, other=other))
    _write(conn, workspace, drill, TEXT.format(url=url), new, now)
    return len(new)


def _write(
    conn: Connection[Any],
    workspace: UUID,
    drill: UUID,
    text: str,
    new: Sequence[_New],
    now: datetime,
) -> None:
    wanted = [Wanted(workspace, *one.slack) for one in new if one.slack is not None]
    lanes = {(one.installation, one.address): at for one, at in places.find(conn, wanted).items()}
    rows = [(ids.uuid7(), one, lanes[one.slack] if one.slack else None) for one in new]
    promises = [
        Promise(KIND_OF_CHANNEL.get(one.channel, SLACK), workspace, lane or id, now)
        for id, one, lane in rows
    ]
    values = {
        "workspace": workspace,
        "drill": drill,
        "text": text,
        "id": [id for id, _, _ in rows],
        "channel": [one.channel for _, one, _ in rows],
        "person": [one.person for _, one, _ in rows],
        "role": [one.role for _, one, _ in rows],
        "lane": [lane for _, _, lane in rows],
        "other": [one.other for _, one, _ in rows],
        **due_rows(promises),
    }
    conn.execute(_WRITE, values)


def sent(conn: Connection[Any], workspace: UUID, drill: UUID) -> list[Message]:
    """The messages of a drill, as they stand."""
    values = {"workspace": workspace, "drill": drill}
    return [Message(*row) for row in conn.execute(_SENT, values).fetchall()]
