"""What waits for a person, listed for Slack: in App Home, and for the slash command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from approvals import cards, lists
from approvals.access import Reader
from core.visible import plain
from notifications.card import RISKS, Card
from notifications.slack import blocks

#: As many as are looked at; a view holds a hundred blocks.
MOST: Final = 40
MOST_LOOKED_AT: Final = 100


def of(reader: Reader, words: str = "") -> list[Card]:
    """The requests that ask this person now, the most critical and the most urgent first."""
    page = lists.inbox(reader=reader, view="mine", order="urgency", limit=MOST_LOOKED_AT)
    found = [cards.card(row) for row in page.items]
    wanted = words.casefold().split()
    kept = [card for card in found if all(word in _text(card) for word in wanted)]
    return sorted(kept, key=lambda card: (RISKS.index(card.risk), card.expires_at))[:MOST]


def listed(found: Sequence[Card]) -> list[dict[str, Any]]:
    """One line and a button for each."""
    made: list[dict[str, Any]] = []
    for card in found:
        said = plain(card.title or card.action, one_line=True)
        line = said if len(said) <= 2_800 else f"{said[:2_800]}…"
        made.append(
            {
                "type": "section",
                "text": {"type": "plain_text", "text": line or " ", "emoji": False},
                "accessory": {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Open", "emoji": False},
                    "action_id": blocks.OPEN,
                    "url": card.url,
                },
            }
        )
        about = f"{blocks.RISKS[card.risk]} · until {blocks.when(card.expires_at)}"
        asked_by = plain(f"{card.workspace_name}: {card.agent}, of {card.owner}", one_line=True)
        made.append(
            {
                "type": "context",
                "elements": [
                    {"type": "mrkdwn", "text": about},
                    {"type": "plain_text", "text": asked_by[:2_000] or " ", "emoji": False},
                ],
            }
        )
    return made


def home(found: Sequence[Card], *, known: bool) -> dict[str, Any]:
    """App Home: what waits, or how to connect."""
    if not known:
        said = (
            "Assentry does not know who you are yet: type */assentry connect*, and open the link."
        )
    elif not found:
        said = "Nothing waits for you."
    else:
        said = f"*{len(found)}* wait for you, the most critical first."
    made = [{"type": "section", "text": {"type": "mrkdwn", "text": said}}, *listed(found)]
    return {"type": "home", "blocks": made[:100]}


def _text(card: Card) -> str:
    return f"{card.title} {card.action} {card.agent} {card.shown_id} {card.words}".casefold()
