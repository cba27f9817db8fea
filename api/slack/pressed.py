"""A message that somebody pressed a button of, found and held against what they saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from approvals import cards
from approvals.row import Row
from core.db import pool
from core.problems import Problem
from notifications.card import Card
from notifications.slack import blocks
from notifications.slack.blocks import ANSWER, APPROVE, EDIT
from notifications.slack.rewriting import Copy
from notifications.slack.signature import Installed

#: What needs everything to stand in the message.
AGREES: Final = frozenset({APPROVE, EDIT, ANSWER})

_FIND: Final = """
SELECT n.id, n.request_id, n.reference, n.revision, n.stage, l.installation_id
  FROM notifications_notification n JOIN notifications_lane l ON l.id = n.lane_id
 WHERE n.id = %(id)s AND l.installation_id = ANY(%(installations)s) AND n.kind = 'asked'
"""


class Forged(Exception):
    """No message of ours carried this button: nothing is said about why."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The message, and the digest of what it showed when it was pressed."""

    copy: Copy
    installation: UUID
    digest: bytes


def find(installed: Sequence[Installed], value: str, place: str = "") -> Pressed:
    """The message that a button belongs to.

    Args:
        value: what the button carried.
        place: ``channel:ts`` of the message it was pressed in, as Slack says.

    Raises:
        Forged: it is none of these installations', or another message's.
    """
    try:
        notification, digest = blocks.read_button(value)
    except ValueError:
        raise Forged from None
    with pool().connection() as conn:
        values = {"id": notification, "installations": [one.id for one in installed]}
        row = conn.execute(_FIND, values).fetchone()
    # A press may come before the post was noted: then there is no place to compare yet.
    if row is None or (place and row[2] and row[2] != place):
        raise Forged
    return Pressed(Copy(row[0], row[1], row[2] or place, row[3], row[4]), row[5], digest)


def card_of(row: Row) -> Card:
    """The card of the request, as it stands."""
    return cards.card(row)


def check_offered(action: str, card: Card) -> None:
    """Whether any card of this request could have had such a button.

    Raises:
        Forged: none could.
    """
    question = card.kind == "question"
    fixed = card.deciding is not None and not card.deciding.may_edit
    if (action == ANSWER) != question and action in AGREES:
        raise Forged
    if action == EDIT and fixed:
        raise Forged


def why_not(pressed: Pressed, card: Card, *, agrees: bool) -> str | None:
    """Why what was pressed cannot be decided on as it stands; None where it can.

    Args:
        agrees: whether it is a yes, which needs everything to stand in the message.
    """
    if not card.pending:
        return f"Nothing was decided: it has ended before. {card.heading}. {card.outcome}".strip()
    if card.digest("slack") != pressed.digest:
        return (
            "Nothing was decided: it was changed since you looked. Look at it again, as it is now."
        )
    if not card.decidable_in("slack"):
        return "Nothing was decided: this is not decided in Slack. Open it, and decide there."
    if agrees and not blocks.render(card, pressed.copy.id).whole:
        return "Nothing was decided: not all of it fits in Slack. Open it, and decide there."
    return None


def page(card: Card) -> tuple[str, str]:
    """A button to the request's page: what stands on it, and where it leads."""
    return (f"Open the {card.kind}", card.url)


def sentence(problem: Problem) -> str:
    """A refusal in words for whoever pressed."""
    if problem.status == 404:
        return "Nothing was decided: this request is not yours to see."
    said = problem.errors[0].detail if problem.errors else problem.detail
    return said if "Nothing was decided" in said else f"Nothing was decided. {said}"
