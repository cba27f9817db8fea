"""How people are told: channels, bindings and preferences."""

from __future__ import annotations

from audit.kinds.base import Data


class NotificationUnreached(Data, frozen=True, kw_only=True):
    """It waits for people, and nobody could be told of it by any channel."""

    KIND = "notification.unreached"
    revision: int
    stage: int


class SlackInstalled(Data, frozen=True, kw_only=True):
    """An app in Slack speaks for the workspace.  Commits to ``names``: app, team and organisation."""

    KIND = "slack.installed"


class SlackChanged(Data, frozen=True, kw_only=True):
    """Secrets of an installation were replaced: ``bot_token``, ``signing_secret`` or ``app_token``."""

    KIND = "slack.changed"
    replaced: list[str]


class SlackBroken(Data, frozen=True, kw_only=True):
    """Slack refuses the app, or its posts to a role's ``channel``; ``reason`` is Slack's own word."""

    KIND = "slack.broken"
    reason: str
    channel: str | None


class SlackRecovered(Data, frozen=True, kw_only=True):
    """It takes them again."""

    KIND = "slack.recovered"
    channel: str | None


class SlackRemoved(Data, frozen=True, kw_only=True):
    """The app was taken out, ``by`` hand or by Slack; its secrets are gone and its bindings ended."""

    KIND = "slack.removed"
    by: str
    bindings: int


class SlackBound(Data, frozen=True, kw_only=True):
    """A Slack user was bound to a person.  Commits to ``user``: team and user."""

    KIND = "slack.bound"
    installation: str


class SlackUnbound(Data, frozen=True, kw_only=True):
    KIND = "slack.unbound"
    installation: str


class PreferenceSet(Data, frozen=True, kw_only=True):
    """A person said how they want to be told."""

    KIND = "preference.set"
    channels: list[str] | None
    digest: str
    quiet: bool
    outcomes: bool


class PushSubscribed(Data, frozen=True, kw_only=True):
    """A person asked to be notified in a browser."""

    KIND = "push.subscribed"


class PushUnsubscribed(Data, frozen=True, kw_only=True):
    """They ended that, or the browser did (``gone``)."""

    KIND = "push.unsubscribed"
    reason: str


class OtherChannelAdded(Data, frozen=True, kw_only=True):
    """An operator added a channel that only tells; ``service`` is Apprise's word for it."""

    KIND = "other_channel.added"
    role: str
    service: str


class OtherChannelRemoved(Data, frozen=True, kw_only=True):
    KIND = "other_channel.removed"


class PagerAdded(Data, frozen=True, kw_only=True):
    """An operator added a pager; ``service`` is ``pagerduty`` or ``webhook``."""

    KIND = "pager.added"
    service: str


class PagerRemoved(Data, frozen=True, kw_only=True):
    KIND = "pager.removed"
