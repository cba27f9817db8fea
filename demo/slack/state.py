"""What Slack knows: workspaces, their people and channels, what was said, and what is open before whom."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

#: Seconds for which a trigger may be exchanged for a view.
TRIGGER_S: Final = 3.0
#: Steps between two messages of one second, as the digits after the dot.
STEP: Final = 100


@dataclass
class User:
    """A person of a workspace."""

    id: str
    team: str
    name: str
    real_name: str
    email: str
    deleted: bool = False


@dataclass
class Message:
    """What stands in a channel; each edit keeps what stood there before in `versions`."""

    team: str
    channel: str
    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    bot: bool = False
    only_for: str | None = None  # an ephemeral message, and whose
    edited: str | None = None  # when, as a `ts`
    deleted: bool = False
    metadata: dict[str, Any] | None = None
    versions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Channel:
    """A channel, or a direct message between the app and `user`."""

    id: str
    team: str
    name: str
    user: str | None = None
    archived: bool = False
    member: bool = True  # whether the app's bot is in it
    private: bool = False
    opened: bool = False  # a direct message that was opened before
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def direct(self) -> bool:
        """Whether it is a direct message."""
        return self.user is not None

    def seen_by(self, user: str) -> list[Message]:
        """What a person sees in it, oldest first."""
        if self.user not in (None, user):
            return []
        there = [one for one in self.messages.values() if not one.deleted]
        return [one for one in there if one.only_for in (None, user)]


@dataclass
class View:
    """A modal that is open before somebody, or somebody's App Home."""

    id: str
    team: str
    user: str
    body: dict[str, Any]
    hash: str
    root: str
    previous: str | None = None
    state: str = "open"  # open, submitted, closed
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> bool:
        """Whether it is an App Home."""
        return bool(self.body["type"] == "home")


@dataclass
class Trigger:
    """What lets the app open one view before one person, once, within three seconds."""

    team: str
    user: str
    at: float
    view: str | None = None  # the view that was acted in
    used: bool = False


@dataclass
class Team:
    """A workspace in which the app is installed."""

    id: str
    name: str
    domain: str
    signing_secret: str
    bot_token: str
    app_token: str
    app_id: str
    bot_user: str
    bot_id: str
    enterprise: str | None = None
    org_install: bool = False  # installed for the whole enterprise: payloads name no workspace
    socket: bool = False  # what people do comes over a socket, not over HTTP
    refusal: str | None = None  # what every method says: token_revoked, account_inactive
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)

    def dm(self, user: str) -> Channel:
        """The direct message between the app and a person, made at the first call."""
        for channel in self.channels.values():
            if channel.user == user:
                return channel
        made = Channel(f"D{user[1:]}", self.id, "directmessage", user=user)
        self.channels[made.id] = made
        return made

    def home_of(self, user: str) -> View | None:
        """A person's App Home, where the app published one."""
        return next((one for one in self.views.values() if one.home and one.user == user), None)

    def open_views(self, user: str) -> list[View]:
        """The modals open before a person, the one in front last."""
        return [
            one
            for one in self.views.values()
            if one.user == user and one.state == "open" and not one.home
        ]


class State:
    """All workspaces, with the clocks they go by."""

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}
        self.triggers: dict[str, Trigger] = {}
        #: Seconds that only go forward; limits and triggers go by it.
        self.clock: Callable[[], float] = time.monotonic
        #: Seconds since 1970; messages and signatures carry it.
        self.now: Callable[[], float] = time.time
        self._last = (0, 0)
        self._views = 0

    def ts(self) -> str:
        """The next message's `ts`: unique, and later than all before."""
        second, step = max(int(self.now()), self._last[0]), STEP
        if second == self._last[0]:
            step = self._last[1] + STEP
        if step >= 1_000_000:
            second, step = second + 1, STEP
        self._last = (second, step)
        return f"{second}.{step:06d}"

    def trigger(self, team: str, user: str, view: str | None = None) -> str:
        """A fresh trigger for what a person just did."""
        name = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers[name] = Trigger(team, user, self.clock(), view)
        return name

    def view_id(self) -> str:
        """The next view's id; no other workspace has it."""
        self._views += 1
        return f"V{self._views:010d}"

    def messages(self) -> Iterator[Message]:
        """Everything that was said anywhere."""
        # Copies: other threads post meanwhile.
        for team in list(self.teams.values()):
            for channel in list(team.channels.values()):
                yield from list(channel.messages.values())


def hash_of(state: State) -> str:
    """A new `hash` for a view."""
    return f"{int(state.now())}.{secrets.token_hex(4)}"
