"""``/assentry``: what waits for you, a search, and connecting your Slack user."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from api.slack import people, waiting
from api.slack.reading import text
from notifications.slack import binding, blocks
from notifications.slack.signature import Installed

HELP: Final = (
    "*/assentry* lists what waits for you; */assentry WORDS* searches in it; "
    "*/assentry connect* connects your Slack user; */assentry help* says this."
)
MOST: Final = 10


def answer(payload: Mapping[str, Any], installed: Sequence[Installed]) -> dict[str, Any]:
    """What only the person who typed it sees."""
    words = text(payload, "text").strip()
    user = text(payload, "user_id")
    if words.lower() == "help":
        return {"response_type": "ephemeral", "text": HELP}
    known = [who for who in people.bound(installed, user) if who.active]
    if words.lower() == "connect" or not known:
        return _links(payload, installed, {who.installation for who in known})
    found = waiting.of_all(known, words)
    if not found.cards:
        return _said(
            "Nothing waits for you."
            if not words
            else "Nothing that waits for you holds these words."
        )
    shown = waiting.listed(found.cards[:MOST])
    if len(found.cards) > MOST:
        shown.append(waiting.left(len(found.cards) - MOST))
    said = f"{found.count} wait for you"
    return {"response_type": "ephemeral", "text": said, "blocks": shown}


def _links(
    payload: Mapping[str, Any], installed: Sequence[Installed], known: Container[UUID]
) -> dict[str, Any]:
    """A link for each workspace of ours that the app speaks for."""
    user = text(payload, "user_id")
    made: list[dict[str, Any]] = []
    fallback = []
    for one in installed[:MOST]:
        link = binding.link_for(
            workspace=one.workspace,
            installation=one.id,
            team=text(payload, "team_id") or one.team or "",
            user=user,
            user_name=text(payload, "user_name") or user,
        )
        first = "You are connected. To connect another account" if one.id in known else "To decide"
        where = f" in {one.workspace_name}" if len(installed) > 1 else ""
        said = f"{first}{where}, open this link while you are signed in. It is for you alone, and lasts ten minutes."
        told = blocks.told(said, ("Connect", link))
        made += told["blocks"]
        fallback.append(told["text"])
    return {"response_type": "ephemeral", "text": "\n".join(fallback), "blocks": made}


def _said(said: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": blocks.escape(said)}
