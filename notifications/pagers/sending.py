"""Keeps the due kind ``message.page``: rings a pager, and lets it rest once the request has ended.

Of the request it tells what a locked screen may show: its action, agent, risk and time, and a link;
never a value of its payload.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from psycopg import Connection

from core import durations, ids
from core.db import pool
from core.http import Client, Failed
from core.visible import plain
from notifications.card import Card
from notifications.mail.message import one_line
from notifications.pagers.registry import Opened, opened
from notifications.singly import Came, Delivered, GivenUp, Held, Needless, Retry
from signing import signatures

#: PagerDuty's words for how bad it is (Events API v2).
_SEVERITY: Final = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
#: What a summary may have in PagerDuty, in characters.
MOST_SUMMARY: Final = 1_024
#: A call that never left needs no other to end it.
_NEVER: Final = frozenset({"failed", "withdrawn"})
_RANG: Final = """
SELECT state FROM notifications_notification
 WHERE request_id = %(request)s AND pager_id = %(pager)s AND kind = 'page'
 ORDER BY state = 'sent' DESC, state = 'pending' DESC LIMIT 1
"""
#: Answers that another try changes nothing about; the rest is tried again.
_FINAL: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 422})


def _rang(conn: Connection[Any], held: Held) -> str | None:
    """What became of the last call of this pager about the same request."""
    values = {"request": held.request, "pager": held.pager}
    row = conn.execute(_RANG, values).fetchone()
    return None if row is None else str(row[0])


class Pagers:
    """Calls one pager."""

    name = "pager"

    def __init__(self) -> None:
        self._client = Client(user_agent="Assentry")

    def carry(self, held: Held, card: Card | None) -> Came:
        """Call it; one message id however often it is tried, and one key for a request."""
        with pool().connection() as conn:
            pager = None if held.pager is None else opened(conn, held.pager)
            rang = _rang(conn, held) if held.kind == "unpage" else None
        if pager is None:
            return GivenUp("removed")
        if card is None or rang in _NEVER:
            return Needless()
        if rang == "pending":
            return Retry("it may be ringing just now")
        body = _pagerduty(held, card, pager) if pager.kind == "pagerduty" else _webhook(held, card)
        headers = {"content-type": "application/json", "accept": "*/*"}
        if pager.kind == "webhook":
            id, at = ids.encode("ntf", held.id), int(held.now.timestamp())
            headers |= signatures.headers_of_secret(id, at, body, pager.secret)
        try:
            answer = self._client.send(
                "POST", pager.url, headers=headers, body=body, plain=pager.plain
            )
        except Failed as failure:
            return Retry(failure.detail)
        if 200 <= answer.status < 300:
            return Delivered(f"http {answer.status}")
        said = f"http {answer.status}"
        return GivenUp(said) if answer.status in _FINAL else Retry(said)


def _pagerduty(held: Held, card: Card, pager: Opened) -> bytes:
    """An event of the Events API v2: https://developer.pagerduty.com/docs/send-alert-event"""
    event: dict[str, Any] = {
        "routing_key": pager.secret.decode(),
        "event_action": "resolve" if held.kind == "unpage" else "trigger",
        "dedup_key": card.shown_id,
    }
    if held.kind != "unpage":
        event |= {
            "client": "Assentry",
            "client_url": card.url,
            "links": [{"href": card.url, "text": "Open the request"}],
            "payload": {
                "summary": one_line(_summary(held, card), MOST_SUMMARY),
                "source": f"Assentry, workspace {plain(card.workspace_name, one_line=True)}",
                "severity": _SEVERITY[card.risk],
                "timestamp": held.now.isoformat(),
                "class": plain(card.action, one_line=True),
                "custom_details": _told(held, card),
            },
        }
    return msgspec.json.encode(event)


def _webhook(held: Held, card: Card) -> bytes:
    kind = "escalation.resolved" if held.kind == "unpage" else "escalation.page"
    told = {"type": kind, "timestamp": held.now.isoformat(), "data": _told(held, card)}
    return msgspec.json.encode(told)


def _summary(held: Held, card: Card) -> str:
    left = durations.span(card.expires_at - held.now)
    return f"Nobody has decided: {card.action} by {card.agent}, {card.risk} risk, {left} left"


def _told(held: Held, card: Card) -> dict[str, Any]:
    return {
        "request": card.shown_id,
        "workspace": plain(card.workspace_name, one_line=True),
        "action": plain(card.action, one_line=True),
        "agent": plain(card.agent, one_line=True),
        "risk": card.risk,
        "status": card.status,
        "created_at": card.created_at.isoformat(),
        "expires_at": card.expires_at.isoformat(),
        "page": card.url,
    }
