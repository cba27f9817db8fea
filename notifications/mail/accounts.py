"""Keeps the due kind ``account.mail``: one mail about somebody's account, with its link.

The link is not stored: it is made again from the user as they stand.  Where they changed their password
meanwhile it would open nothing, and no mail is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import is_password_usable
from psycopg import Connection

from core import durations, failpoints
from core.db import pool
from core.due import SETTLE_DUE, Claimed
from notifications.mail import render
from notifications.mail.sending import Recipient, deliver
from notifications.sending import PAUSES
from notifications.singly import Came, Delivered, GivenUp, Needless, Retry
from people import links
from people.models import User

#: What waits so long is given up: a link that lives shorter is over by then.
LONGEST: Final = timedelta(days=1)

_READ: Final = """
SELECT l.id, l.kind, l.about, l.user_id, u.email, u.name, u.password, u.session_generation, l.created_at, l.expires_at,
       l.token_hash, l.tries, clock_timestamp(), coalesce(w.name, ''),
       coalesce((SELECT coalesce(nullif(bu.name, ''), bu.email)
                   FROM people_person b JOIN people_user bu ON bu.id = b.user_id WHERE b.id = l.created_by_id), '')
  FROM people_accountlink l
  JOIN people_user u ON u.id = l.user_id AND u.is_active
  LEFT JOIN people_workspace w ON w.id = l.workspace_id
  LEFT JOIN people_person p ON p.id = l.person_id
 WHERE l.id = %(id)s AND l.used_at IS NULL AND l.ended_at IS NULL AND l.mailed = 'pending'
   AND (l.expires_at IS NULL OR l.expires_at > clock_timestamp()) AND (p.id IS NULL OR p.active)
"""
#: Written only by whoever holds the promise still: another's later word is not overwritten.
_CAME: Final = f"""
WITH {SETTLE_DUE},
settled AS (SELECT subject FROM kept UNION ALL SELECT subject FROM again)
UPDATE people_accountlink l
   SET mailed = %(mailed)s, tries = tries + 1, reason = %(reason)s
  FROM settled WHERE l.id = settled.subject
"""


@dataclass(frozen=True, slots=True)
class _Letter:
    """One mail to be written."""

    id: UUID
    kind: str
    about: str
    user: UUID
    email: str
    name: str
    password: str
    generation: int
    created_at: datetime
    expires_at: datetime | None
    token_hash: bytes | None
    tries: int
    now: datetime
    workspace: str
    by: str


def mail_due(claimed: Sequence[Claimed]) -> None:
    """Send what the claimed rows are about, one after the other, and settle each."""
    for row in claimed:
        with pool().connection() as conn:
            letter = _read(conn, row.subject)
        came = Needless() if letter is None else _send(letter)
        failpoints.hit("message_after_send_before_record")
        with pool().connection() as conn:
            _record(conn, row, letter, came)


def _read(conn: Connection[Any], link: UUID) -> _Letter | None:
    row = conn.execute(_READ, {"id": link}).fetchone()
    return None if row is None else _Letter(*row)


def _send(letter: _Letter) -> Came:
    link = f"{settings.BASE_URL}/"
    if letter.token_hash is not None:
        user = User(password=letter.password, session_generation=letter.generation)
        token = links.token_of(letter.id, user)
        if links.hashed(token) != bytes(letter.token_hash):
            return Needless()
        link = links.url(token)
    if letter.kind == links.Kind.WARNING:
        rendered = render.warning(
            letter.about,
            email=letter.email,
            at=letter.created_at,
            password=is_password_usable(letter.password),
        )
    else:
        rendered = render.account(
            letter.kind,
            workspace=letter.workspace,
            by=letter.by,
            email=letter.email,
            link=link,
            until=letter.expires_at,
        )
    to = Recipient(letter.email, letter.name, letter.password, letter.generation, letter.created_at)
    return deliver(to, rendered, key=f"account.{letter.id.hex}", thread=None)


def _record(conn: Connection[Any], row: Claimed, letter: _Letter | None, came: Came) -> None:
    """Write what came of it, and settle the promise under its own fence."""
    again, mailed, reason = None, "none", ""
    match came:
        case Delivered():
            mailed = "sent"
        case GivenUp(why):
            mailed, reason = "failed", why
        case Retry(why) if letter is not None:
            pause = durations.scaled(PAUSES[min(letter.tries, len(PAUSES) - 1)])
            if letter.now + pause - letter.created_at < LONGEST:
                again, mailed, reason = letter.now + pause, "pending", why
            else:
                mailed, reason = "failed", why
        case _:
            pass
    values = {
        "mailed": mailed,
        "reason": reason[:200],
        "due_id": [row.id],
        "due_fence": [row.fence],
        "due_again": [again],
    }
    conn.execute(_CAME, values)
