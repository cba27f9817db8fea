"""What the API tells and takes of channels."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Secret = Annotated[str, Meta(max_length=300)]


class SlackBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /channels/slack``."""

    bot_token: Annotated[Secret, Meta(description="`xoxb-…`")] = ""
    signing_secret: Secret = ""
    app_token: Annotated[Secret, Meta(description="`xapp-…`, for Socket Mode")] | None = None


class SlackPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PATCH /channels/slack/{id}``: what is left out stays."""

    bot_token: Secret | None = None
    signing_secret: (
        Annotated[Secret, Meta(description="The one before counts for a day more")] | None
    ) = None
    app_token: Annotated[Secret, Meta(description="An empty text takes it away")] | None = None


class SlackTest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /channels/slack/{id}/test``."""

    channel: Annotated[str, Meta(max_length=60, description="Its id in Slack")]


class RoleChannelShown(Struct, frozen=True, kw_only=True):
    """A role's channel in Slack, as the policy names it."""

    role: str
    channel: str
    installation: str | None
    state: Annotated[str, Meta(description="`works`, `untried`, `broken` or `no_app`")]
    reason: Annotated[str, Meta(description="Slack's own word for why it is broken")]
    since: str | None


class SlackShown(Struct, frozen=True, kw_only=True):
    """An app in Slack that speaks for the workspace; its secrets are never shown."""

    id: str
    app: str
    team: str | None
    enterprise: str | None
    name: Annotated[str, Meta(description="What Slack calls the team")]
    state: Annotated[str, Meta(description="`active`, `broken` or `removed`")]
    reason: Annotated[str, Meta(description="Slack's own word for why it is broken")]
    todo: Annotated[str, Meta(description="What to do about that")]
    has_bot_token: bool
    has_signing_secret: bool
    has_app_token: bool
    old_secret_until: Annotated[
        str | None, Meta(description="The signing secret before counts until then")
    ]
    bound: Annotated[int, Meta(description="People whose Slack user is connected")]
    created_at: str
    changed_at: str


class SlackList(Struct, frozen=True):
    """The apps in Slack of a workspace, those that were taken out last."""

    results: list[SlackShown]


class SlackManifest(Struct, frozen=True, kw_only=True):
    """What an app in Slack is created from."""

    socket_mode: bool
    create_url: Annotated[str, Meta(description="Where Slack offers to create the app")]
    manifest: Annotated[dict[str, Any], Meta(description="As Slack reads it")]


class TrialShown(Struct, frozen=True, kw_only=True):
    """A test of a channel, and what came of it so far."""

    id: str
    channel: Annotated[str, Meta(description="`slack`, `email` or `other`")]
    place: Annotated[str, Meta(description="The channel's id in Slack, or its name here")]
    state: Annotated[str, Meta(description="`pending`, `sent` or `failed`")]
    reason: str
    tries: int
    created_at: str
    sent_at: str | None


class MailShown(Struct, frozen=True, kw_only=True):
    """How mails are sent; never with a login."""

    server: str
    sender: str


class PushShown(Struct, frozen=True, kw_only=True):
    """How many are notified in browsers."""

    people: int
    browsers: int


class OtherShown(Struct, frozen=True, kw_only=True):
    """A channel that only tells, which operators add; its address is never shown."""

    id: str
    name: str
    role: str
    service: str


class UnreachedShown(Struct, frozen=True, kw_only=True):
    """A request that waits although nobody could be told of it."""

    request: str
    since: str


class FailuresShown(Struct, frozen=True, kw_only=True):
    """Messages of the last day that could not be sent, by why."""

    channel: str
    reason: str
    count: int
    newest_at: str


class ChannelsShown(Struct, frozen=True, kw_only=True):
    """How every channel of a workspace fares."""

    slack: list[SlackShown]
    roles: list[RoleChannelShown]
    email: Annotated[MailShown | None, Meta(description="Null: this server sends no mail")]
    push: PushShown
    others: list[OtherShown]
    unreached: list[UnreachedShown]
    failed: Annotated[list[FailuresShown], Meta(description="Of the last day")]
    tests: Annotated[list[TrialShown], Meta(description="The latest of a week")]


class PersonTold(Struct, frozen=True, kw_only=True):
    """Whom a message went to."""

    id: str
    name: str


class NotificationShown(Struct, frozen=True, kw_only=True):
    """One message about a request."""

    id: str
    kind: Annotated[str, Meta(description="`asked`, `outcome`, or `reply` in a conversation")]
    channel: Annotated[str, Meta(description="`slack`, `email`, `push` or `other`")]
    person: Annotated[PersonTold | None, Meta(description="Null: a role's channel")]
    role: str
    service: Annotated[str, Meta(description="With `other`: the channel's name here")]
    state: Annotated[str, Meta(description="`pending`, `sent`, `failed` or `withdrawn`")]
    reason: Annotated[str, Meta(description="Why it failed or is late: the channel's own word")]
    tries: int
    gathered: Annotated[bool, Meta(description="One of several in a gathering mail")]
    created_at: str
    due_at: Annotated[str, Meta(description="It is not sent before")]
    sent_at: str | None
    viewed_at: Annotated[str | None, Meta(description="First opened or pressed")]
    to_send_ms: Annotated[int | None, Meta(description="From `created_at` to `sent_at`")]
    to_view_ms: Annotated[int | None, Meta(description="From `sent_at` to `viewed_at`")]


class NotificationList(Struct, frozen=True, kw_only=True):
    """What people were told of a request, the oldest first."""

    results: list[NotificationShown]
    unreached_since: Annotated[
        str | None, Meta(description="It waits, and nobody could be told since then")
    ]
