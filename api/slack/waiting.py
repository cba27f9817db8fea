"""What waits for a person, listed for Slack: in App Home, and for the slash command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.slack import people
from approvals import cards, inbox
from core.visible import plain
from notifications.card import RISKS, Card
from notifications.slack import blocks
from notifications.slack.binding import Bound

#: So many are listed in App Home: a view holds a hundred blocks, and each takes two.
MOST: Final = 40
#: So many are looked at, the most urgent first.
MOST_LOOKED_AT: Final = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody, the most urgent first; ``more``: others were not looked at."""

    cards: Sequence[Card]
    more: bool

    @property
    def count(self) -> str:
        """How many, as far as they were looked at."""
        return f"{'More than ' if self.more else ''}{len(self.cards)}"


def of_all(known: Sequence[Bound], words: str = "") -> Waiting:
    """The requests that ask a Slack user now, in every workspace in which they are somebody.

    Args:
        words: each must stand somewhere in the request.
    """
    found: list[Card] = []
    more = False
    for who in known:
        page = inbox.find(
            reader=people.reader_of(who), view="mine", order="urgency", limit=MOST_LOOKED_AT
        )
        found += [cards.card(row) for row in page.items]
        more = more or page.next is not None
    wanted = words.casefold().split()
    kept = [card for card in found if all(word in _text(card) for word in wanted)]
    kept.sort(key=lambda card: (RISKS.index(card.risk), card.expires_at))
    return Waiting(kept, more)


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
                "accessory": blocks.link_button("Open", card.url),
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


def left(count: int) -> dict[str, Any]:
    """How many more there are than are listed."""
    said = f"{count} more: open the inbox, or search with other words."
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": said}]}


def home(found: Waiting, *, known: bool) -> dict[str, Any]:
    """App Home: what waits, or how to connect."""
    if not known:
        said = (
            "Assentry does not know who you are yet: type */assentry connect*, and open the link."
        )
    elif not found.cards:
        said = "Nothing waits for you."
    else:
        said = f"*{found.count}* wait for you, the most critical first."
    shown = found.cards[:MOST]
    made = [{"type": "section", "text": {"type": "mrkdwn", "text": said}}, *listed(shown)]
    if len(found.cards) > MOST:
        made.append(left(len(found.cards) - MOST))
    return {"type": "home", "blocks": made}


def _text(card: Card) -> str:
    return f"{card.title} {card.action} {card.agent} {card.shown_id} {card.words}".casefold()
