"""Keeps the due kind ``message.other``: services that only tell, by an address of Apprise's.

Apprise speaks to the service itself; its addresses hold secrets and are set by operators alone
(`manage.py channel_add`), never by somebody who uses a page or the API.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import apprise

from core import durations
from core.db import pool
from core.visible import plain
from notifications.card import Card
from notifications.others.channels import opened
from notifications.singly import Came, Delivered, GivenUp, Held, Retry

#: It logs addresses, which hold secrets; `core.http` keeps what it calls with from doing so.
logging.getLogger("apprise").setLevel(logging.CRITICAL)

_KINDS: Final[dict[str, Any]] = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.WARNING,
    "medium": apprise.NotifyType.INFO,
    "low": apprise.NotifyType.INFO,
}


class Others:
    """Tells a role's requests to the service that an operator chose for it."""

    name = "other"

    def carry(self, held: Held, card: Card | None) -> Came:
        """Hand it to the service."""
        with pool().connection() as conn:
            url = None if held.other is None else opened(conn, held.other)
        if url is None:
            return GivenUp("removed")
        service = apprise.Apprise()
        if not service.add(url):
            return GivenUp("the address is none that Apprise knows")
        title, text = _text(held, card)
        kind = _KINDS["low" if card is None else card.risk]
        taken = service.notify(
            title=title, body=text, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
        return Delivered("taken") if taken else Retry("the service did not take it")


def _text(held: Held, card: Card | None) -> tuple[str, str]:
    """Title and body: the action, never a value of its payload, which the policy's title may quote."""
    if card is None:
        return "Assentry", held.text or "This channel works."
    left = durations.span(card.expires_at - held.now)
    title = f"{card.risk.capitalize()} risk: {plain(card.action, one_line=True)}"[:200]
    said = [held.text] if held.text else []
    said += [
        f"{card.heading}, {left} left.",
        plain(f"{card.agent}, of {card.owner}, asks.", one_line=True),
        f"Decide here: {card.url}",
    ]
    return title, "\n".join(said)
