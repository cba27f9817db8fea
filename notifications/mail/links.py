"""The one link of a mail: it opens a page, and proves no more than that the mail arrived.

A token is 256 bits, is made anew for each mail and always the same for it, and is bound to the person's
password: a change of it ends every link that was sent before.  Only its hash is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Connection

from core.db import pool

PATH: Final = "/m/"

_KEEP: Final = "UPDATE notifications_notification SET token_hash = %(hash)s WHERE id = %(id)s"
_FIND: Final = """
SELECT n.id, n.workspace_id, n.request_id, n.person_id, n.revision, n.stage, n.kind,
       n.token_used_at IS NOT NULL, u.id, u.password, u.session_generation,
       p.active AND u.is_active, coalesce(nullif(u.name, ''), u.email)
  FROM notifications_notification n
  JOIN people_person p ON p.id = n.person_id
  JOIN people_user u ON u.id = p.user_id
 WHERE n.token_hash = %(hash)s AND n.channel = 'email'
"""
_USE: Final = """
UPDATE notifications_notification
   SET token_used_at = clock_timestamp(), viewed_at = coalesce(viewed_at, clock_timestamp())
 WHERE id = %(id)s AND token_used_at IS NULL
RETURNING id
"""
_GIVE_BACK: Final = "UPDATE notifications_notification SET token_used_at = NULL WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class Link:
    """Whose mail it was in, and what that asked about; ``live`` is false where the token is over."""

    notification: UUID
    workspace: UUID
    request: UUID
    person: UUID
    user: UUID
    name: str
    revision: int
    stage: int
    asks: bool
    used: bool
    live: bool


def token_of(notification: UUID, *, password: str, generation: int) -> str:
    """The token of a mail: 43 characters.

    Args:
        password, generation: the user's, as stored: when either changes, the token is another.
    """
    about = f"mail {notification.hex} {generation} {password}"
    raw = hmac.digest(settings.SECRET_KEY.encode(), about.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def url(token: str) -> str:
    """Where the link leads, under the configured base address and nothing else."""
    return f"{settings.BASE_URL}{PATH}{token}"


def keep(conn: Connection[Any], notification: UUID, token: str) -> None:
    """Store what finds this token again: its hash."""
    conn.execute(_KEEP, {"id": notification, "hash": _hash(token)})


def find(token: str) -> Link | None:
    """What a token opens, used or not; None where there is no such link.  Changes nothing."""
    if len(token) != 43:
        return None
    with pool().connection() as conn:
        row = conn.execute(_FIND, {"hash": _hash(token)}).fetchone()
    if row is None or row[2] is None:
        return None
    now = token_of(row[0], password=row[9], generation=row[10])
    return Link(
        notification=row[0],
        workspace=row[1],
        request=row[2],
        person=row[3],
        user=row[8],
        name=row[12],
        revision=row[4],
        stage=row[5],
        asks=row[6] in ("asked", "reminder"),
        used=row[7],
        live=row[11] and hmac.compare_digest(now, token),
    )


def use(link: Link) -> bool:
    """Take the one use that a link has; false where it was taken."""
    with pool().connection() as conn:
        return conn.execute(_USE, {"id": link.notification}).fetchone() is not None


def give_back(link: Link) -> None:
    """Let it be used after all: nothing was decided."""
    with pool().connection() as conn:
        conn.execute(_GIVE_BACK, {"id": link.notification})


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
