"""What the API reads and tells of what people set for themselves."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class SessionShown(Struct, frozen=True, kw_only=True):
    """One session of a person."""

    id: str
    this: Annotated[bool, Meta(description="Whether it is the one of this call")]
    by: Annotated[str, Meta(description="`password`, `passkey` or `single_sign_on`")]
    factor: Annotated[
        str | None, Meta(description="The second factor: `totp`, `passkey` or `recovery_code`")
    ]
    signed_in_at: str
    last_seen_at: Annotated[str, Meta(description="To the minute")]
    address: Annotated[str | None, Meta(description="The network address it was opened from")]
    browser: str


class SessionList(Struct, frozen=True):
    """The sessions of a person: this one first, then those seen last."""

    results: list[SessionShown]


class SlackUserShown(Struct, frozen=True, kw_only=True):
    """A Slack user that a person connected."""

    id: str
    place: Annotated[str, Meta(description="What the Slack workspace calls itself")]
    team_id: str
    user_id: str
    name: Annotated[str, Meta(description="What Slack called the user; empty: not known any more")]
    works: Annotated[bool, Meta(description="Whether the app there works at the moment")]
    connected_at: str


class SlackUserList(Struct, frozen=True):
    """The Slack users that a person connected, the newest first."""

    results: list[SlackUserShown]


class BrowserKeys(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What messages to a browser are encrypted with, in base64url."""

    p256dh: Annotated[str, Meta(max_length=200)]
    auth: Annotated[str, Meta(max_length=100)]


class BrowserBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /me/browsers``: a `PushSubscription` as the browser writes it."""

    endpoint: Annotated[str, Meta(max_length=2_000)]
    keys: BrowserKeys
    browser: Annotated[str, Meta(max_length=200, description="What to call it in the list")] = ""


class BrowserShown(Struct, frozen=True, kw_only=True):
    """A browser in which a person is notified."""

    id: str
    browser: str
    endpoint_sha256: Annotated[
        str, Meta(description="Of its address, in hexadecimal: by it a browser knows itself")
    ]
    created_at: str
    last_success_at: Annotated[str | None, Meta(description="When it last took a message")]


class BrowserList(Struct, frozen=True, kw_only=True):
    """The browsers in which a person is notified, and what others subscribe with."""

    public_key: Annotated[
        str, Meta(description="The `applicationServerKey` of this server, in base64url")
    ]
    results: list[BrowserShown]
