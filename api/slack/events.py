"""Slack's events: words in a card's thread, App Home, an app that was taken out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.slack import people, threads, waiting
from api.slack.afterwards import afterwards
from api.slack.reading import part, text
from audit.actor import Actor
from core.problems import Problem
from notifications.slack import installs
from notifications.slack.signature import Installed

logger = logging.getLogger(__name__)

_SLACK: Final = Actor.system("slack")


def handle(payload: Mapping[str, Any], installed: Sequence[Installed]) -> None:
    """One event; Slack repeats what is not answered, so each may come more than once."""
    event = part(payload, "event")
    match event.get("type"):
        case "message":
            threads.said(event, installed)
        case "app_home_opened":
            _home(event, installed)
        case "app_uninstalled":
            _removed(_of_team(installed))
        case "tokens_revoked":
            # Only the tokens of users may be revoked, while the app's own works on.
            revoked = part(event, "tokens").get("bot")
            gone = revoked if isinstance(revoked, list) else []
            _removed([one for one in installed if one.bot_user in gone])
        case _:
            pass  # others were never asked for


def _home(event: Mapping[str, Any], installed: Sequence[Installed]) -> None:
    if event.get("tab") not in (None, "home"):
        return
    user = text(event, "user")
    known = [who for who in people.bound(installed, user) if who.active]
    view = waiting.home(waiting.of_all(known), known=bool(known))
    # An app shows one Home, however many workspaces of ours it speaks for.
    afterwards.call(installed[0].id, "views.publish", {"user_id": user, "view": view})


def _of_team(installed: Sequence[Installed]) -> Sequence[Installed]:
    """Those of the team itself; a whole organisation's only where there are none."""
    return [one for one in installed if one.team is not None] or installed


def _removed(installed: Sequence[Installed]) -> None:
    for one in installed:
        try:
            installs.remove(actor=_SLACK, workspace=one.workspace, installation=one.id, by="slack")
        except Problem:
            logger.info("a Slack app that was taken out was removed before")
