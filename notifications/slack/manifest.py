"""The manifest that a Slack app of this server is created from, with everything it may and is told.

Source: https://docs.slack.dev/reference/app-manifest.  Pure.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

NAME: Final = "Assentry"
SCOPES: Final = (
    "chat:write",
    "chat:write.public",
    "commands",
    "im:write",
    "im:history",
    "channels:history",
    "groups:history",
    "users:read",
)
EVENTS: Final = (
    "app_home_opened",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "tokens_revoked",
)
COMMAND: Final = "/assentry"
CREATE: Final = "https://api.slack.com/apps"


def manifest(base_url: str, *, socket_mode: bool) -> dict[str, Any]:
    """The manifest of an app that speaks for the server at this address.

    Args:
        socket_mode: the server opens the connection to Slack, which then needs no way to it: no
            address stands in the manifest, and an app-level token is needed.
    """
    command = {
        "command": COMMAND,
        "description": "What waits for your decision",
        "usage_hint": "[words to search for | connect | help]",
        "should_escape": False,
    }
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    presses: dict[str, Any] = {"is_enabled": True}
    if not socket_mode:
        command["url"] = f"{base_url}/slack/commands"
        events["request_url"] = f"{base_url}/slack/events"
        presses["request_url"] = f"{base_url}/slack/interactions"
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": NAME,
            "description": "Asks people before an agent acts.",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": NAME, "always_online": False},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": presses,
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": False,
        },
    }


def create_url(found: dict[str, Any]) -> str:
    """Where Slack offers to create an app from this manifest."""
    written = json.dumps(found, separators=(",", ":"))
    return f"{CREATE}?{urlencode({'new_app': '1', 'manifest_json': written})}"


def needs_socket_mode(base_url: str) -> bool:
    """Whether Slack has surely no way to this address: it calls https addresses only."""
    return urlsplit(base_url).scheme != "https"
