"""From a verified call of Slack's to what handles it, over whichever transport it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.slack import commands, deciding, events
from api.slack.pressed import Forged
from api.slack.reading import Received
from notifications.slack.signature import Installed

__all__ = ["Forged", "answer"]


def answer(received: Received, installed: Sequence[Installed]) -> Mapping[str, Any] | None:
    """Handle it; what Slack is to be answered, or None: an empty answer is enough.

    Raises:
        Forged: a button or a modal that was never ours.
    """
    payload = received.payload
    match received.kind:
        case "url_verification":
            return {"challenge": str(payload.get("challenge", ""))[:500]}
        case "slash_commands":
            return commands.answer(payload, installed)
        case "events_api":
            events.handle(payload, installed)
            return None
        case "interactive":
            return _interactive(payload, installed)


def _interactive(
    payload: Mapping[str, Any], installed: Sequence[Installed]
) -> Mapping[str, Any] | None:
    match payload.get("type"):
        case "block_actions":
            deciding.press(payload, installed)
            return None
        case "view_submission":
            return deciding.submit(payload, installed)
        case _:
            return None  # a modal that was closed, a shortcut of another app's making
