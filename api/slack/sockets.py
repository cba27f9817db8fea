"""Socket Mode: what Slack sends over a connection that we opened, where it cannot reach us.

One connection for each app with an app-level token, in each worker; Slack hands an envelope to one of
them.  The connection proves the app, so there is no signature: what an envelope says of its team is
believed, and of any other app's is not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from api.slack import dispatch, reading
from api.slack.dispatch import Forged
from api.slack.reading import Kind, Unreadable
from core import db
from core.db import pool
from notifications.slack import signature
from notifications.slack.secrets import open_
from signing.sealing import CannotOpen

logger = logging.getLogger(__name__)

#: How often apps that were connected or taken out meanwhile are looked for.
LOOK_S: Final = 10.0

_APPS: Final = """
SELECT DISTINCT ON (app_id) app_id, id, app_token FROM notifications_slackinstallation
 WHERE state = 'active' AND app_token IS NOT NULL ORDER BY app_id, changed_at DESC
"""
_KINDS: Final = frozenset({"interactive", "events_api", "slash_commands"})


class Sockets:
    """The connections of one process; `run` looks after them until it is told to end."""

    def __init__(self) -> None:
        self._clients: dict[str, tuple[bytes, SocketModeClient]] = {}

    def run(self, stop: threading.Event) -> None:
        """Keep a connection for each app, in the calling thread."""
        while not stop.is_set():
            try:
                self.look()
            except db.Unavailable:
                logger.info("the database does not answer: Slack's connections stay as they are")
            except Exception:
                logger.exception("Slack's connections could not be looked after")
            stop.wait(LOOK_S)
        self.close()

    def look(self) -> None:
        """Open what is missing, and close what is not wanted any more."""
        with pool().connection() as conn:
            rows = conn.execute(_APPS).fetchall()
        wanted = {app: (id, bytes(token)) for app, id, token in rows}
        for app in list(self._clients):
            if app not in wanted or wanted[app][1] != self._clients[app][0]:
                self._clients.pop(app)[1].close()
        for app, (id, token) in wanted.items():
            if app not in self._clients:
                try:
                    self._open(app, id, token)
                except (SlackClientError, OSError) as error:
                    # The others are looked after all the same, and this one again soon.
                    logger.warning("Slack opens no connection for app %s: %s", app, _said(error))

    def close(self) -> None:
        """End every connection."""
        while self._clients:
            self._clients.popitem()[1][1].close()

    def _open(self, app: str, installation: UUID, token: bytes) -> None:
        try:
            opened = open_(installation, "app_token", token)
        except CannotOpen:
            logger.warning("the app-level token of Slack app %s cannot be unsealed", app)
            return
        client = SocketModeClient(
            opened,
            web_client=WebClient(base_url=settings.SLACK_API_URL),
            auto_reconnect_enabled=True,
        )
        client.socket_mode_request_listeners.append(
            lambda client, request: _handle(app, client, request)
        )
        client.connect()
        self._clients[app] = (token, client)


def _handle(app: str, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
    said: Mapping[str, Any] | None = None
    try:
        if request.type in _KINDS:
            said = _answer(app, request)
    except (Forged, Unreadable):
        logger.warning("an envelope of Slack's held what is none of ours")
    finally:
        close_old_connections()
    payload = None if said is None else dict(said)
    client.send_socket_mode_response(
        SocketModeResponse(envelope_id=request.envelope_id, payload=payload)
    )


def _answer(app: str, request: SocketModeRequest) -> Mapping[str, Any] | None:
    received = reading.envelope(cast("Kind", request.type), request.payload)
    if received.origin.app != app:
        return None
    installed = signature.named(received.origin)
    return dispatch.answer(received, installed) if installed else None


def _said(error: Exception) -> str:
    """Slack's word for it, without what it was asked with."""
    answer = error.response if isinstance(error, SlackApiError) else None
    return str(answer.get("error", "")) if answer is not None else type(error).__name__
