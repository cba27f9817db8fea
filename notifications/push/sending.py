"""Keeps the due kind ``message.push``: a notification in each browser that a person asked for.

It tells how risky it is, how long there is, and where to look: nothing of what would run, since the
text may stand on a locked screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from audit.actor import Actor
from audit.kinds import PushUnsubscribed
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import durations
from core.db import pool
from core.http import Client, Failed
from notifications.card import Card
from notifications.push import encryption
from notifications.push.subscriptions import server_key
from notifications.singly import Came, Delivered, GivenUp, Held, Retry

#: What a push service keeps for a browser that is off at most so long.
MOST_KEPT: Final = timedelta(days=1)
#: A token is made for each message; push services take one for up to a day.
TOKEN: Final = timedelta(hours=1)
#: The subscription is over: the browser ended it, or forgot it.
_OVER: Final = frozenset({404, 410})
_URGENCY: Final = {"critical": "high", "high": "high", "medium": "normal", "low": "low"}

_SUBSCRIPTIONS: Final = """
SELECT s.id, s.endpoint, s.key, s.secret
  FROM notifications_pushsubscription s JOIN people_person p ON p.user_id = s.user_id
 WHERE p.id = %(person)s
"""
_WELL: Final = """
UPDATE notifications_pushsubscription SET last_success_at = clock_timestamp() WHERE id = ANY(%(ids)s)
"""
_END: Final = "DELETE FROM notifications_pushsubscription WHERE id = %(id)s RETURNING id"
_RECORD: Final = f"WITH {INSERT_EVENTS} SELECT 1"
#: A push service that asks for more patience than this is asked again all the same.
MOST_PATIENCE: Final = timedelta(hours=1)


class Push:
    """Notifies every browser of a person."""

    name = "push"

    def __init__(self) -> None:
        self._client = Client(user_agent="Assentry")

    def carry(self, held: Held, card: Card | None) -> Came:
        """Notify each browser; it is delivered where one took it."""
        with pool().connection() as conn:
            rows = conn.execute(_SUBSCRIPTIONS, {"person": held.person}).fetchall()
            key = server_key(conn)
        text, headers = _message(held, card)
        took: list[UUID] = []
        said = "no browser is subscribed"
        later, after = False, timedelta(0)
        for subscription, endpoint, browser_key, secret in rows:
            status, said, pause = self._push(
                endpoint, browser_key, secret, text, headers, key, held.now
            )
            if 200 <= status < 300:
                took.append(subscription)
            elif status in _OVER:
                _end(held, subscription)
            else:
                later = later or status == 0 or status == 429 or status >= 500
                after = max(after, pause)
        if took:
            with pool().connection() as conn:
                conn.execute(_WELL, {"ids": took})
            return Delivered(f"{len(took)} of {len(rows)} browsers")
        return Retry(said, after) if later else GivenUp(said)

    def _push(
        self,
        endpoint: str,
        browser_key: bytes,
        secret: bytes,
        text: bytes,
        headers: Mapping[str, str],
        key: ec.EllipticCurvePrivateKey,
        now: datetime,
    ) -> tuple[int, str, timedelta]:
        """One POST to a push service; its status (0: none), what to say of it, and its wish to be left alone."""
        parts = urlsplit(endpoint)
        token = encryption.authorization(
            private=key,
            audience=f"{parts.scheme}://{parts.netloc}",
            subject=settings.BASE_URL,
            expires=int((now + TOKEN).timestamp()),
        )
        body = encryption.encrypt(text, browser_key=bytes(browser_key), secret=bytes(secret))
        sent = {**headers, "Authorization": token, "Content-Encoding": "aes128gcm"}
        try:
            answer = self._client.send(
                "POST",
                endpoint,
                headers={**sent, "Content-Type": "application/octet-stream"},
                body=body,
            )
        except Failed as failure:
            return 0, failure.kind, timedelta(0)
        return answer.status, f"http {answer.status}", _patience(answer.headers)


def _patience(headers: Mapping[str, str]) -> timedelta:
    """What ``Retry-After`` asks for, where it says so in seconds (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 8):
        return timedelta(0)
    return min(timedelta(seconds=int(text)), MOST_PATIENCE)


def _message(held: Held, card: Card | None) -> tuple[bytes, dict[str, str]]:
    """The text for the browser (JSON) and the headers of a push message (RFC 8030, 5)."""
    if card is None:
        body, url = "Notifications work here.", settings.BASE_URL
        if held.kind == "alarm":
            body = held.text
        elif held.kind == "drill":
            body, _, url = held.text.rpartition(" ")
        shown = {"title": "Assentry", "body": body, "url": url}
        return msgspec.json.encode(shown), {"TTL": "3600", "Urgency": "normal"}
    left = card.expires_at - held.now
    if card.pending:
        title = "A decision is asked of you" if card.kind == "request" else "A question to you"
        if held.kind == "reminder":
            title = f"Reminder: {title[0].lower()}{title[1:]}"
        elif held.kind == "notice":
            title = "Nobody has decided yet"
        body = f"{card.risk.capitalize()} risk, {durations.span(left)} left."
    else:
        title, body = card.heading, f"A request of your agent {card.agent}."
    shown = {"title": title, "body": body, "url": card.url, "tag": card.shown_id}
    kept = int(max(timedelta(0), min(left, MOST_KEPT)).total_seconds()) if card.pending else 3_600
    # A newer message takes the place of an older one about the same, also where neither was seen yet.
    topic = card.request.hex
    return msgspec.json.encode(shown), {
        "TTL": str(kept),
        "Urgency": _URGENCY[card.risk],
        "Topic": topic,
    }


def _end(held: Held, subscription: UUID) -> None:
    """The browser is told no more; whoever takes it away writes the one event."""
    with pool().connection() as conn, conn.transaction():
        if conn.execute(_END, {"id": subscription}).fetchone() is None:
            return
        fact = Fact(
            held.workspace,
            Actor.system("notifications"),
            ("per", held.person or held.id),
            PushUnsubscribed(reason="gone"),
        )
        conn.execute(_RECORD, event_rows([fact], held.now))
