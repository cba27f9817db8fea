"""``/assentry``: what waits for you, a search, and connecting your Slack user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.slack import people, waiting
from notifications.slack import binding
from notifications.slack.blocks import escape
from notifications.slack.signature import Installed

HELP: Final = (
    "*/assentry* lists what waits for you; */assentry WORDS* searches in it; "
    "*/assentry connect* connects your Slack user; */assentry help* says this."
)
MOST: Final = 10


def answer(payload: Mapping[str, Any], installed: Sequence[Installed]) -> dict[str, Any]:
    """What only the person who typed it sees."""
    words = str(payload.get("text", "")).strip()
    user = str(payload.get("user_id", ""))
    if words.lower() == "help":
        return _said(HELP)
    known = [who for who in people.bound(installed, user) if who.active]
    if words.lower() == "connect" or not known:
        return _said(_link(payload, installed[0], user, known=bool(known)))
    found = [one for who in known for one in waiting.of(people.reader_of(who), words)]
    if not found:
        return _said(
            "Nothing waits for you."
            if not words
            else "Nothing that waits for you holds these words."
        )
    blocks = waiting.listed(found[:MOST])
    left = len(found) - MOST
    if left > 0:
        more = f"{left} more: open the inbox, or search with other words."
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": more}]})
    return {"response_type": "ephemeral", "text": f"{len(found)} wait for you", "blocks": blocks}


def _link(payload: Mapping[str, Any], installed: Installed, user: str, *, known: bool) -> str:
    link = binding.link_for(
        workspace=installed.workspace,
        installation=installed.id,
        team=str(payload.get("team_id") or installed.team or ""),
        user=user,
        user_name=str(payload.get("user_name") or user),
    )
    first = "You are connected. To connect another account" if known else "To decide here"
    return (
        f"{first}, open this link while you are signed in: {link} (for you alone, for ten minutes)"
    )


def _said(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": text if text == HELP else escape(text)}
