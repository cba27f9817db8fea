"""Which person of ours a Slack user is, and whether they may act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from approvals.access import Reader
from audit.actor import Actor
from core.db import pool
from notifications.slack import binding
from notifications.slack.binding import Bound
from notifications.slack.signature import Installed
from people.models import Person
from people.permissions import permissions_of

#: Every decision made here says so, and what a press in Slack proves.
CHANNEL = "slack"
ASSURANCE = "chat"


def bound(installed: Sequence[Installed], user: str, team: str = "") -> list[Bound]:
    """Who this user, of this team where it is said, is in the workspaces that the request speaks for."""
    with pool().connection() as conn:
        return binding.bound(conn, [one.id for one in installed], user, team or None)


def reader_of(who: Bound) -> Reader:
    """The person, as services read for them."""
    person = Person.objects.select_related("user", "workspace").get(id=who.person)
    return Reader(
        workspace_id=who.workspace,
        person_id=who.person,
        user_id=who.user,
        name=who.name,
        permissions=permissions_of(person.user, person.workspace),
    )


def actor_of(who: Bound) -> Actor:
    """The person, as services want to be told."""
    return Actor.person(who.person, channel=CHANNEL)


def viewed(conn: Connection[Any], notification: object) -> None:
    """Note when a message was first acted on."""
    conn.execute(
        "UPDATE notifications_notification SET viewed_at = clock_timestamp() "
        "WHERE id = %s AND viewed_at IS NULL",
        [notification],
    )
