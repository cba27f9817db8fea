"""How people can be reached, as they and their roles have set it: read for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Connection

from notifications.routes import Reach

_REACH: Final = """
SELECT p.id, p.workspace_id, u.email <> '' AND %(mail)s, EXISTS (
           SELECT 1 FROM notifications_pushsubscription s WHERE s.user_id = u.id),
       (SELECT json_agg(json_build_array(b.installation_id, b.user_id) ORDER BY b.created_at)
          FROM notifications_slackbinding b
          JOIN notifications_slackinstallation i ON i.id = b.installation_id AND i.state = 'active'
         WHERE b.person_id = p.id AND b.ended_at IS NULL),
       pref.channels, pref.quiet_from, pref.quiet_until, coalesce(pref.timezone, 'UTC'),
       coalesce(pref.digest, 'none'), coalesce(pref.outcomes, true)
  FROM people_person p
  JOIN people_user u ON u.id = p.user_id
  LEFT JOIN notifications_preference pref ON pref.person_id = p.id
 WHERE p.id = ANY(%(people)s) AND p.active AND u.is_active
"""
_PLACES: Final = """
SELECT i.workspace_id, i.id, coalesce(i.team_id, i.enterprise_id, ''), i.state = 'active'
  FROM notifications_slackinstallation i
 WHERE i.workspace_id = ANY(%(workspaces)s) AND i.state <> 'removed'
 ORDER BY i.created_at
"""
_OTHERS: Final = """
SELECT workspace_id, role, id, name FROM notifications_otherchannel
 WHERE workspace_id = ANY(%(workspaces)s) ORDER BY name
"""


@dataclass(slots=True)
class Places:
    """Channels that are no person's, in some workspaces.

    ``installations`` of Slack are (id, team), those that work; ``connected`` has the workspaces with any,
    broken or not; ``others`` are (id, name) by workspace and role.
    """

    installations: dict[UUID, list[tuple[UUID, str]]] = field(default_factory=dict)
    connected: set[UUID] = field(default_factory=set)
    others: dict[tuple[UUID, str], list[tuple[UUID, str]]] = field(default_factory=dict)


def places(conn: Connection[Any], workspaces: Sequence[UUID]) -> Places:
    """What there is in these workspaces to tell whole roles by."""
    found = Places()
    for workspace, installation, team, works in conn.execute(_PLACES, {"workspaces": workspaces}):
        found.connected.add(workspace)
        if works:
            found.installations.setdefault(workspace, []).append((installation, team))
    for workspace, role, other, name in conn.execute(_OTHERS, {"workspaces": workspaces}):
        found.others.setdefault((workspace, role), []).append((other, name))
    return found


def of(conn: Connection[Any], people: Sequence[UUID]) -> dict[UUID, Reach]:
    """How each of these people can be reached now; those who may not sign in are left out."""
    values = {"people": list(people), "mail": settings.SMTP is not None}
    return {
        row[0]: Reach(
            person=row[0],
            slack=tuple((UUID(pair[0]), pair[1]) for pair in row[4] or ()),
            email=row[2],
            push=row[3],
            chosen=tuple(row[5]) if row[5] else None,
            quiet_from=row[6],
            quiet_until=row[7],
            timezone=row[8],
            digest=row[9],
            outcomes=row[10],
        )
        for row in conn.execute(_REACH, values).fetchall()
    }
