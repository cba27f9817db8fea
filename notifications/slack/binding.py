"""Who a Slack user is here: only what they proved by opening a one-time link while signed in.

Never by a name or an address alone: whoever runs a Slack workspace can set both.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from psycopg import Connection

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core import durations, ids
from core.canonical import canonical
from core.clock import ClockTimestamp
from core.db import pool
from core.problems import conflict, not_found
from notifications.models import SlackBinding, SlackInstallation, SlackLink
from people.models import Person

#: Source: ASVS 5.0, 6.5.5 (an out-of-band token lives ten minutes at most).
LINK_LIVES: Final = timedelta(minutes=10)
PATH: Final = "/slack/link/"

_BOUND: Final = """
SELECT b.person_id, b.workspace_id, p.user_id, coalesce(nullif(u.name, ''), u.email),
       p.active AND u.is_active, b.installation_id
  FROM notifications_slackbinding b
  JOIN people_person p ON p.id = b.person_id
  JOIN people_user u ON u.id = p.user_id
  JOIN notifications_slackinstallation i ON i.id = b.installation_id
 WHERE b.installation_id = ANY(%(installations)s) AND b.user_id = %(user)s AND b.ended_at IS NULL
   AND (%(team)s::text IS NULL OR b.team_id = %(team)s OR i.enterprise_id IS NOT NULL)
"""
_LINK: Final = """
WITH old AS (
    DELETE FROM notifications_slacklink
     WHERE used_at IS NULL AND expires_at < clock_timestamp() - interval '1 day'
)
INSERT INTO notifications_slacklink (
    id, workspace_id, installation_id, team_id, user_id, user_name, token_hash, expires_at)
VALUES (%(id)s, %(workspace)s, %(installation)s, %(team)s, %(user)s, %(name)s, %(hash)s,
        clock_timestamp() + %(lives)s)
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """A person whom a Slack user is, in one of our workspaces."""

    person: UUID
    workspace: UUID
    user: UUID
    name: str
    active: bool
    installation: UUID


@dataclass(frozen=True, slots=True)
class Offered:
    """What a link would bind: shown to whoever opens it, before they say yes."""

    link: UUID
    workspace: UUID
    installation: UUID
    team: str
    user: str
    user_name: str


@dataclass(frozen=True, slots=True)
class Connected:
    """A Slack user that a person connected; ``name`` is what Slack called them then, where it is known."""

    id: UUID
    installation: UUID
    place: str
    team: str
    user: str
    name: str
    #: Whether the app there works at the moment.
    works: bool
    since: datetime


def bound(
    conn: Connection[Any], installations: list[UUID], user: str, team: str | None = None
) -> list[Bound]:
    """Who this Slack user is, in the workspaces that these installations speak for.

    Args:
        team: the team the user belongs to, where it is said: in a channel shared with another
            company its people act too.  Inside one Grid organisation an id is one person's everywhere.
    """
    values = {"installations": installations, "user": user, "team": team or None}
    rows = conn.execute(_BOUND, values).fetchall()
    return [Bound(*row) for row in rows]


def link_for(*, workspace: UUID, installation: UUID, team: str, user: str, user_name: str) -> str:
    """A one-time link that binds this Slack user to whoever opens it signed in, for ten minutes."""
    token = secrets.token_urlsafe(32)
    values = {
        "id": ids.uuid7(),
        "workspace": workspace,
        "installation": installation,
        "team": team,
        "user": user,
        "name": user_name[:120],
        "hash": _hash(token),
        "lives": durations.scaled(LINK_LIVES),
    }
    with pool().connection() as conn:
        conn.execute(_LINK, values)
    return f"{settings.BASE_URL}{PATH}{token}"


def offered(token: str) -> Offered | None:
    """What a link would bind; None where it is over, was used, or is none.  Changes nothing."""
    link = _live(token).first()
    if link is None:
        return None
    return Offered(
        link=link.id,
        workspace=link.workspace_id,
        installation=link.installation_id,
        team=link.installation.name,
        user=link.user_id,
        user_name=link.user_name,
    )


@transaction.atomic
def bind(*, actor: Actor, person: Person, token: str) -> SlackBinding:
    """Bind the Slack user of a link to this person; whom either was bound to before ends.

    Raises:
        Problem: 404 it is none, or of another workspace; 409 ``link_over``.
    """
    link = _live(token).select_for_update(of=("self",)).first()
    if link is None:
        raise conflict("link_over", "This link was used, or is over: ask for another in Slack.")
    if link.workspace_id != person.workspace_id:
        raise not_found()
    link.used_at = ClockTimestamp()
    link.save(update_fields=["used_at"])
    # One user is one person, and one person one user, for each installation.
    earlier = SlackBinding.objects.select_for_update().filter(
        installation=link.installation, ended_at=None
    )
    for old in (*earlier.filter(user_id=link.user_id), *earlier.filter(person=person)):
        _end(actor, old)
    made = SlackBinding.objects.create(
        workspace_id=link.workspace_id,
        installation=link.installation,
        person=person,
        team_id=link.team_id,
        user_id=link.user_id,
    )
    named = canonical({"team": link.team_id, "user": link.user_id})
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.SlackBound(installation=ids.encode("sla", link.installation_id)),
        commits={"user": Commitment(named)},
    )
    return made


def connected(*, person: Person) -> list[Connected]:
    """The Slack users that a person is, the newest first."""
    rows = (
        SlackBinding.objects.select_related("installation")
        .filter(person=person, ended_at=None)
        .order_by("-created_at", "-id")
    )
    return [_connected(row) for row in rows]


def _connected(row: SlackBinding) -> Connected:
    links = SlackLink.objects.filter(installation=row.installation, user_id=row.user_id)
    used = links.filter(used_at__isnull=False).order_by("-used_at").first()
    return Connected(
        id=row.id,
        installation=row.installation_id,
        place=row.installation.name,
        team=row.team_id,
        user=row.user_id,
        name=used.user_name if used else "",
        works=row.installation.state == SlackInstallation.State.ACTIVE,
        since=row.created_at,
    )


@transaction.atomic
def unbind(*, actor: Actor, person: Person, binding: UUID) -> None:
    """Let a Slack user be this person no more.

    Raises:
        Problem: 404 where it is not theirs.
    """
    found = (
        SlackBinding.objects.select_for_update()
        .filter(id=binding, person=person, ended_at=None)
        .first()
    )
    if found is None:
        raise not_found()
    _end(actor, found)


def _end(actor: Actor, binding: SlackBinding) -> None:
    if not SlackBinding.objects.filter(id=binding.id, ended_at=None).update(
        ended_at=ClockTimestamp()
    ):
        return
    record(
        actor=actor,
        workspace=binding.workspace_id,
        subject=("per", binding.person_id),
        data=kinds.SlackUnbound(installation=ids.encode("sla", binding.installation_id)),
    )


def _live(token: str) -> QuerySet[SlackLink]:
    return (
        SlackLink.objects.select_related("installation")
        .filter(token_hash=_hash(token), used_at=None, expires_at__gt=ClockTimestamp())
        .exclude(installation__state=SlackInstallation.State.REMOVED)
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
