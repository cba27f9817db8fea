"""What people set for themselves."""

from __future__ import annotations

from typing import Final

from api.operations.terms import (
    READING,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    named_id,
)

_PREFERENCES: Final = Success("How this person is told", "Preferences")

OWN: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/me/preferences",
        "readPreferences",
        "People",
        "How one is told",
        "session read",
        {200: _PREFERENCES},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "put",
        "/api/v1/me/preferences",
        "setPreferences",
        "People",
        "Say how one wants to be told",
        "session",
        {200: _PREFERENCES},
        (*WRITING, "NotFound"),
        (WORKSPACE,),
        body="Preferences",
        example={
            "channels": ["email", "slack"],
            "quiet_from": "22:00",
            "quiet_until": "07:00",
            "timezone": "Europe/Berlin",
        },
        description="All of it at once: what is left out is as if nobody had set it.",
    ),
    Operation(
        "get",
        "/api/v1/me/slack",
        "listSlackUsers",
        "People",
        "The Slack users that one connected",
        "session read",
        {200: Success("The newest first", "SlackUserList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "delete",
        "/api/v1/me/slack/{id}",
        "disconnectSlackUser",
        "People",
        "Let a Slack user decide as oneself no more",
        "session",
        {204: Success("Disconnected")},
        (*READING, "NotFound"),
        (named_id("slu", "The Slack user"), WORKSPACE),
    ),
    Operation(
        "get",
        "/api/v1/me/browsers",
        "listBrowsers",
        "People",
        "The browsers in which one is notified",
        "session read",
        {200: Success("The newest first", "BrowserList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/me/browsers",
        "addBrowser",
        "People",
        "Be notified in a browser",
        "session",
        {201: Success("From now on", "BrowserShown")},
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="BrowserBody",
        example={
            "endpoint": "https://push.example.com/send/…",
            "keys": {"p256dh": "…", "auth": "…"},
            "browser": "Firefox on Linux",
        },
        description="A `PushSubscription` that the browser made with `public_key`.",
    ),
    Operation(
        "delete",
        "/api/v1/me/browsers/{id}",
        "removeBrowser",
        "People",
        "Be notified in a browser no more",
        "session",
        {204: Success("Removed")},
        (*READING, "NotFound"),
        (named_id("psh", "The browser"), WORKSPACE),
    ),
)
