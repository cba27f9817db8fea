"""Calling Slack's Web API: one call, and what its failure means for whoever is to be told.

The SDK makes the request; nothing is tried again inside it, because what is tried again, and when, is
a row of ours that survives this process.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

TIMEOUT_S: Final = 10
#: The longest that Slack may ask us to stay away.
MOST_PAUSE: Final = timedelta(hours=1)

#: The app itself is refused: nothing of this installation works until somebody mends it.
_APP: Final = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
#: Nothing can be posted in this place; other places are well.
_PLACE: Final = frozenset(
    {
        "cannot_dm_bot",
        "channel_is_limited_access",
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "user_disabled",
        "user_not_found",
        "user_not_visible",
    }
)
#: The message that is to be rewritten is not there any more, or may not be.
_GONE: Final = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
)


class SlackFailure(Exception):
    """A call to Slack came to nothing; the message is Slack's word for why."""


class AppRefused(SlackFailure):
    """Slack does not take the app's token any more."""


class PlaceRefused(SlackFailure):
    """The channel is archived, or the app is not in it, or there is no such user."""


class MessageGone(SlackFailure):
    """There is nothing to rewrite."""


class CallRefused(SlackFailure):
    """Slack finds fault with what it was sent: the same call would fail again."""


class Later(SlackFailure):
    """Slack did not answer, or asks for a pause: ``after`` is how long, where it said so."""

    def __init__(self, said: str, after: timedelta | None = None) -> None:
        super().__init__(said)
        self.after = after


@dataclass(frozen=True, slots=True)
class App:
    """An installation, ready to call with."""

    id: UUID
    workspace: UUID
    token: str


def call(
    app: App, method: str, arguments: Mapping[str, Any], *, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """One call of the Web API as this app (``chat.postMessage``); what Slack answered.

    Raises:
        SlackFailure: one of its kinds, which says what to do.
    """
    client = WebClient(
        token=app.token,
        base_url=settings.SLACK_API_URL,
        timeout=timeout_s,  # type: ignore[arg-type]  # handed to the socket, which takes fractions
        retry_handlers=[],
    )
    try:
        answer = client.api_call(method, json=dict(arguments))
    except SlackApiError as error:
        raise _meaning(error) from error
    except (SlackClientError, urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise Later(f"unreachable: {type(error).__name__}") from error
    except json.JSONDecodeError as error:
        raise Later("unreadable answer") from error
    data = answer.data
    return data if isinstance(data, dict) else {}


def _meaning(error: SlackApiError) -> SlackFailure:
    response = error.response
    status = getattr(response, "status_code", 0)
    said = str(response.get("error", "")) if hasattr(response, "get") else ""
    if status == 429 or said in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
        return Later("ratelimited", _retry_after(response))
    if status >= 500 or said in {"fatal_error", "internal_error", "service_unavailable", ""}:
        return Later(said or f"http {status}")
    if said in _APP:
        return AppRefused(said)
    if said in _PLACE:
        return PlaceRefused(said)
    if said in _GONE:
        return MessageGone(said)
    return CallRefused(said)


def _retry_after(response: Any) -> timedelta:
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        wanted = timedelta(seconds=float(headers.get("retry-after", "")))
    except (ValueError, OverflowError):
        wanted = timedelta(seconds=30)
    return min(max(wanted, timedelta(seconds=1)), MOST_PAUSE)
