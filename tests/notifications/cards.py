"""Cards as `approvals.cards` makes them, without a request behind them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from notifications.card import Card, Line, Step, Vote

NOW: Final = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)

_CARD: Final = Card(
    request=UUID(int=1),
    shown_id="req_01jdexample",
    workspace=UUID(int=2),
    workspace_name="Acme",
    kind="request",
    action="payments.refund",
    title="Refund 129.00 EUR of order A-1029",
    risk="high",
    lines=(
        Line("Amount", "129.00"),
        Line("Currency", "EUR"),
        Line("Card", "•••• 4242", "covered"),
        Line("note", "", "empty text"),
        Line("customer › address", "Große Straße 1\n10115 Berlin"),
    ),
    words="The parcel never arrived.\nThe customer is upset.",
    why="Refunds over 100 need two people of finance. Rule “Large refunds” (policy version 3).",
    steps=(Step("Support", 1, 1), Step("Finance or Board", 2, 1)),
    votes=(Vote("Ben", "approved", "Seen the tracking."), Vote("Caro", "approved")),
    created_at=NOW,
    expires_at=NOW + timedelta(hours=2, minutes=5),
    at_deadline="it expires: the agent is told that nobody decided, and must not run it",
    agent="support-bot",
    owner="Olga Owner",
    run="run-17",
    status="pending",
    waiting_on="people",
    heading="Waiting for a decision",
    outcome="",
    became="",
    deciding=None,
    url="http://127.0.0.1:8750/requests/req_01jdexample",
    sequence=4,
)


def card(**more: Any) -> Card:
    """One that waits, with what is given in place of the usual."""
    return replace(_CARD, **more)


def ended(**more: Any) -> Card:
    """One that was approved."""
    return card(
        **{
            "status": "approved",
            "waiting_on": None,
            "heading": "Approved",
            "outcome": "By Ben, Caro. Everybody who had to agree did. The agent may run exactly this, once.",
            "became": "A tool has used the approval. Told as succeeded.",
            **more,
        }
    )
