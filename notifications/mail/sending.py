"""Keeps the due kinds ``message.email`` and ``message.digest``: one mail, or one that gathers several."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Connection

from core import failpoints
from core.db import pool
from core.due import SETTLE_DUE, Claimed
from notifications.card import Card
from notifications.mail import client, links, message, render
from notifications.mail.client import Later, Refused
from notifications.sending import HELD, Compose
from notifications.singly import Came, Delivered, GivenUp, Held, Retry, record

_TO: Final = """
SELECT u.email, u.name, u.password, u.session_generation, n.created_at
  FROM notifications_notification n
  JOIN people_person p ON p.id = n.person_id AND p.active
  JOIN people_user u ON u.id = p.user_id AND u.is_active
 WHERE n.id = %(id)s
"""
_SETTLE: Final = f"WITH {SETTLE_DUE} SELECT count(*) FROM kept"
#: Everything that a person's gathering mail is to tell, and is not held by another process.
_GATHER: Final = """
UPDATE notifications_notification n
   SET held_until = clock_timestamp() + %(held)s, tries = n.tries + 1
 WHERE n.person_id = %(person)s AND n.digest AND n.state = 'pending' AND n.due_at <= clock_timestamp()
   AND (n.held_until IS NULL OR n.held_until <= clock_timestamp())
RETURNING n.id, n.workspace_id, n.request_id, n.kind, n.person_id, n.role, n.other_id, n.tries, n.text,
          clock_timestamp()
"""
_REST: Final = """
SELECT min(greatest(due_at, coalesce(held_until, due_at))) FROM notifications_notification
 WHERE person_id = %(person)s AND digest AND state = 'pending'
"""
_WITHDRAW: Final = """
UPDATE notifications_notification SET state = 'withdrawn', held_until = NULL
 WHERE id = ANY(%(ids)s) AND state = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who a mail goes to, and when it was first to be sent."""

    email: str
    name: str
    password: str
    generation: int
    at: datetime


#: What is about no request, by its kind.
_ABOUT_NOTHING: Final = {"test": render.test, "alarm": render.alarm, "drill": render.drill}


class Mail:
    """Carries one notification as one mail."""

    name = "email"

    def carry(self, held: Held, card: Card | None) -> Came:
        """Send it; the same link and the same Message-ID however often it is tried."""
        with pool().connection() as conn:
            to = recipient(conn, held.id)
            if to is None:
                return GivenUp("the person was deactivated")
            token = links.token_of(held.id, password=to.password, generation=to.generation)
            links.keep(conn, held.id, token)
        if card is None:
            rendered = _ABOUT_NOTHING[held.kind](held.text)
        elif held.kind == "outcome":
            rendered = render.outcome(card, card.url, held.now)
        elif held.kind == "notice":
            rendered = render.asked(
                card, card.url, held.now, lead=held.text, prefix="Nobody has decided"
            )
        else:
            prefix = "Reminder" if held.kind == "reminder" else ""
            rendered = render.asked(card, links.url(token), held.now, lead=held.text, prefix=prefix)
        thread = None if card is None else thread_of(card.request)
        return deliver(to, rendered, key=f"ntf.{held.id.hex}", thread=thread)


class Gathering:
    """Sends what people want to hear of together."""

    def __init__(self, compose: Compose) -> None:
        """`compose` makes the cards of requests."""
        self._compose = compose

    def take(self, claimed: Sequence[Claimed]) -> None:
        """One mail for each person whose time has come."""
        again: dict[UUID, datetime | None] = {}
        for person in {row.subject for row in claimed}:
            again[person] = self._gather(person)
        kept: set[UUID] = set()
        settled = []
        for row in claimed:  # one promise for a person is enough
            at = again[row.subject] if row.subject not in kept else None
            kept.add(row.subject)
            settled.append(at)
        values = {
            "due_id": [row.id for row in claimed],
            "due_fence": [row.fence for row in claimed],
            "due_again": settled,
        }
        with pool().connection() as conn:
            conn.execute(_SETTLE, values)

    def _gather(self, person: UUID) -> datetime | None:
        """Send the mail; when to look again, where something still waits."""
        with pool().connection() as conn:
            rows = conn.execute(_GATHER, {"person": person, "held": HELD}).fetchall()
            held = [Held(*row) for row in rows]
            cards = self._compose(conn, [one.request for one in held if one.request])
            waiting = [(h, cards[h.request]) for h in held if h.request and h.request in cards]
            waiting = [(h, card) for h, card in waiting if card.pending]
            over = [h.id for h in held if h.id not in {one.id for one, _ in waiting}]
            conn.execute(_WITHDRAW, {"ids": over})
        if waiting:
            self._send(waiting)
        with pool().connection() as conn:
            row = conn.execute(_REST, {"person": person}).fetchone()
        return None if row is None else row[0]

    def _send(self, waiting: Sequence[tuple[Held, Card]]) -> None:
        first = waiting[0][0]
        with pool().connection() as conn:
            to = recipient(conn, first.id)
        if to is None:
            came: Came = GivenUp("the person was deactivated")
        else:
            rendered = render.gathered([card for _, card in waiting], first.now)
            came = deliver(to, rendered, key=_key([one.id for one, _ in waiting]), thread=None)
        failpoints.hit("message_after_send_before_record")
        with pool().connection() as conn, conn.transaction():
            for held, card in waiting:
                record(conn, held, came, sequence=card.sequence, digest=None)


def _key(gathered: Sequence[UUID]) -> str:
    """The same for each try to send the same: a mailbox that has it already sees one mail."""
    told = b"".join(sorted(one.bytes for one in gathered))
    return f"gathered.{hashlib.sha256(told).hexdigest()[:32]}"


def recipient(conn: Connection[Any], notification: UUID) -> Recipient | None:
    """Who a notification goes to; None where they may not sign in any more."""
    row = conn.execute(_TO, {"id": notification}).fetchone()
    return None if row is None else Recipient(*row)


def thread_of(request: UUID) -> str:
    """The Message-ID that everything about a request answers to, so that it stands together."""
    return message.message_id(f"req.{request.hex}", settings.MAIL_FROM)


def deliver(to: Recipient, rendered: render.Rendered, *, key: str, thread: str | None) -> Came:
    """Send one mail."""
    id = message.message_id(key, settings.MAIL_FROM)
    try:
        mail = message.build(
            to=to.email,
            to_name=to.name,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=id,
            thread=thread,
            sender=settings.MAIL_FROM,
            at=to.at,
        )
        client.send(message=mail, to=to.email)
    except Later as failure:
        return Retry(failure.detail)
    except Refused as failure:
        return GivenUp(failure.detail)
    except ValueError as error:
        return GivenUp(str(error))
    return Delivered(id)
