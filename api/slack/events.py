"""Slack's events: words in a card's thread, App Home, an app that was taken out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.slack import people, threads, waiting
from api.slack.afterwards import afterwards
from audit.actor import Actor
from core.problems import Problem
from notifications.slack import installs
from notifications.slack.signature import Installed

logger = logging.getLogger(__name__)

_SLACK: Final = Actor.system("slack")


def handle(payload: Mapping[str, Any], installed: Sequence[Installed]) -> None:
    """One event; Slack repeats what is not answered, so each may come more than once."""
    event = payload.get("event")
    if not isinstance(event, dict):
        return
    match event.get("type"):
        case "message":
            threads.said(event, installed)
        case "app_home_opened":
            _home(event, installed)
        case "app_uninstalled":
            _removed(installed)
        case "tokens_revoked":
            # Only the tokens of users may be revoked, while the app's own works on.
            if event.get("tokens", {}).get("bot"):
                _removed(installed)
        case _:
            pass  # others were never asked for


def _home(event: Mapping[str, Any], installed: Sequence[Installed]) -> None:
    if event.get("tab") not in (None, "home"):
        return
    user = str(event.get("user", ""))
    for one in installed:
        known = [who for who in people.bound([one], user) if who.active]
        found = [card for who in known for card in waiting.of(people.reader_of(who))]
        view = waiting.home(found, known=bool(known))
        afterwards.call(one.id, "views.publish", {"user_id": user, "view": view})


def _removed(installed: Sequence[Installed]) -> None:
    for one in installed:
        try:
            installs.remove(actor=_SLACK, workspace=one.workspace, installation=one.id, by="slack")
        except Problem:
            logger.info("a Slack app that was taken out was removed before")
