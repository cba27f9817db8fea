"""How a workspace's channels fare: what is set up, what is broken, and what could not be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import apprise
from psycopg import Connection

from core import ids
from core.db import pool
from notifications.others.channels import opened
from signing.sealing import CannotOpen

#: For how long a failed message is news.
RECENT: Final = timedelta(days=1)
#: Unreached requests, and reasons of failures, that a list shows.
MOST_LISTED: Final = 50

_APPS: Final = """
SELECT i.id, i.app_id, coalesce(i.team_id, ''), coalesce(i.enterprise_id, ''), i.name, i.bot_user_id, i.state,
       i.reason, i.bot_token IS NOT NULL, i.signing_secret IS NOT NULL, i.app_token IS NOT NULL,
       CASE WHEN i.earlier_until > clock_timestamp() THEN i.earlier_until END, i.created_at, i.changed_at,
       (SELECT count(*) FROM notifications_slackbinding b
         WHERE b.installation_id = i.id AND b.ended_at IS NULL)
  FROM notifications_slackinstallation i
 WHERE i.workspace_id = %(workspace)s AND (%(one)s::uuid IS NULL OR i.id = %(one)s)
 ORDER BY i.state = 'removed', i.created_at
"""
_LANES: Final = """
SELECT l.installation_id, l.address, l.broken_at, l.reason
  FROM notifications_lane l JOIN notifications_slackinstallation i ON i.id = l.installation_id
 WHERE l.workspace_id = %(workspace)s AND l.kind = 'post' AND i.state <> 'removed'
"""
_BROWSERS: Final = """
SELECT count(DISTINCT s.user_id), count(*)
  FROM notifications_pushsubscription s
  JOIN people_user u ON u.id = s.user_id AND u.is_active
  JOIN people_person p ON p.user_id = s.user_id AND p.active AND p.workspace_id = %(workspace)s
"""
_ANY_OTHER: Final = """
SELECT EXISTS (SELECT 1 FROM notifications_otherchannel WHERE workspace_id = %(workspace)s)
    OR EXISTS (SELECT 1 FROM notifications_pushsubscription s
                 JOIN people_person p ON p.user_id = s.user_id AND p.workspace_id = %(workspace)s)
"""
_OTHERS: Final = """
SELECT id, name, role, created_at FROM notifications_otherchannel
 WHERE workspace_id = %(workspace)s ORDER BY name
"""
_UNREACHED: Final = """
SELECT request_id, at FROM notifications_unreached
 WHERE workspace_id = %(workspace)s AND over_at IS NULL ORDER BY at LIMIT %(most)s
"""
#: Ids are ordered by time: the index of the newest ends the scan.
_FAILED: Final = """
SELECT channel, reason, count(*), max(created_at) FROM notifications_notification
 WHERE workspace_id = %(workspace)s AND id >= %(since)s AND state = 'failed'
 GROUP BY channel, reason ORDER BY count(*) DESC, channel, reason LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class SlackApp:
    """An app in Slack, without its secrets: whether each is there."""

    id: UUID
    app: str
    team: str
    enterprise: str
    name: str
    bot_user: str
    state: str
    reason: str
    has_bot_token: bool
    has_signing_secret: bool
    has_app_token: bool
    earlier_secret_until: datetime | None
    created_at: datetime
    changed_at: datetime
    bound: int


@dataclass(frozen=True, slots=True)
class PostLane:
    """A place in Slack that was posted in; ``broken_at``: since when it takes nothing, and why."""

    broken_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Other:
    """A channel that only tells; ``service`` is Apprise's name, empty where its key is not given."""

    id: UUID
    name: str
    role: str
    service: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Failures:
    """Messages of the last day that could not be sent, by why."""

    channel: str
    reason: str
    count: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it."""

    apps: tuple[SlackApp, ...]
    lanes: dict[tuple[UUID, str], PostLane]
    push_people: int
    push_browsers: int
    others: tuple[Other, ...]
    unreached: tuple[tuple[UUID, datetime], ...]
    failures: tuple[Failures, ...]


def standing(*, workspace: UUID) -> Standing:
    """How the channels of a workspace fare now."""
    with pool().connection() as conn:
        browsers = conn.execute(_BROWSERS, {"workspace": workspace}).fetchone() or (0, 0)
        listed = {"workspace": workspace, "most": MOST_LISTED}
        clock = conn.execute("SELECT clock_timestamp()").fetchone()
        assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
        since = ids.uuid7(int((clock[0] - RECENT).timestamp() * 1_000))
        unreached = conn.execute(_UNREACHED, listed).fetchall()
        failed = conn.execute(_FAILED, listed | {"since": since}).fetchall()
        return Standing(
            apps=tuple(apps(conn, workspace)),
            lanes=lanes(conn, workspace),
            push_people=browsers[0],
            push_browsers=browsers[1],
            others=tuple(others(conn, workspace)),
            unreached=tuple((row[0], row[1]) for row in unreached),
            failures=tuple(Failures(*row) for row in failed),
        )


@dataclass(frozen=True, slots=True)
class Brief:
    """What is needed to say whether anything is wrong; ``any_other``: a browser, or another service."""

    apps: tuple[SlackApp, ...]
    lanes: dict[tuple[UUID, str], PostLane]
    unreached: int
    any_other: bool


def brief(*, workspace: UUID) -> Brief:
    """The same in short, for what stands beside every inbox."""
    with pool().connection() as conn:
        listed = {"workspace": workspace, "most": MOST_LISTED}
        found = conn.execute(_ANY_OTHER, {"workspace": workspace}).fetchone()
        return Brief(
            apps=tuple(apps(conn, workspace)),
            lanes=lanes(conn, workspace),
            unreached=len(conn.execute(_UNREACHED, listed).fetchall()),
            any_other=found is not None and bool(found[0]),
        )


def apps(conn: Connection[Any], workspace: UUID, one: UUID | None = None) -> list[SlackApp]:
    """The apps in Slack that speak, or spoke, for a workspace; those that were taken out last."""
    rows = conn.execute(_APPS, {"workspace": workspace, "one": one}).fetchall()
    return [SlackApp(*row) for row in rows]


def lanes(conn: Connection[Any], workspace: UUID) -> dict[tuple[UUID, str], PostLane]:
    """The places that were posted in, by installation and address."""
    rows = conn.execute(_LANES, {"workspace": workspace}).fetchall()
    return {(row[0], row[1]): PostLane(row[2], row[3]) for row in rows}


def others(conn: Connection[Any], workspace: UUID) -> list[Other]:
    """The channels that only tell, by name."""
    rows = conn.execute(_OTHERS, {"workspace": workspace}).fetchall()
    return [Other(row[0], row[1], row[2], _service(conn, row[0]), row[3]) for row in rows]


def _service(conn: Connection[Any], channel: UUID) -> str:
    try:
        url = opened(conn, channel)
    except CannotOpen:
        return ""  # as `doctor` says
    found = apprise.Apprise.instantiate(url, suppress_exceptions=True) if url else None
    return "" if found is None else str(found.service_name)
