"""Slack's Web API: who calls, what was ordered to go wrong, how often, and only then the method.

Everything that comes is kept: `calls` all of it, `too_early` what came before a `Retry-After` was over,
`violations` what Slack would not have taken.  A test reads them when it is through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from demo.slack.arguments import Arguments
from demo.slack.chat import find_channel
from demo.slack.delivery import Answer
from demo.slack.errors import SlackError
from demo.slack.faults import Fault
from demo.slack.limits import Limits
from demo.slack.methods import METHODS
from demo.slack.records import Call, Links, Reply, Violation
from demo.slack.state import Channel, Message, State, Team, User, View

CONNECT: Final = "apps.connections.open"
#: Errors that say that what was sent breaks Slack's rules, not that something is not there.
RULES: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_arguments",
        "invalid_json",
        "json_not_object",
        "invalid_post_type",
        "msg_too_long",
        "no_text",
        "unknown_method",
        "users_list_not_supplied",
        "view_too_large",
    }
)


class Api:
    """The methods over a state, with everything that may be set about them."""

    def __init__(self) -> None:
        self.state = State()
        self.limits = Limits(lambda: self.state.clock())
        self.calls: list[Call] = []
        self.too_early: list[Call] = []
        self.violations: list[Violation] = []
        self.faults: list[Fault] = []
        self.sent: list[Answer] = []  # what people did, and what the product said
        self.links: Links | None = None
        self.ended = threading.Event()  # ends what hangs
        self._changed = threading.Condition(threading.RLock())

    # What there is

    def add_team(
        self,
        id: str,
        *,
        name: str = "Acme",
        enterprise: str | None = None,
        org_install: bool = False,
        signing_secret: str,
        bot_token: str,
        app_token: str = "",
        app_id: str = "A0ASSENTRY",
        socket: bool = False,
    ) -> Team:
        """A workspace that has the app.

        Args:
            enterprise: the Enterprise Grid organisation it is in.
            org_install: the app is installed for the organisation; payloads then name no workspace.
            app_token: ``xapp-…``, which opens sockets.
            socket: what people do comes over a socket (`demo.slack.sockets`), not over HTTP.
        """
        domain = name.lower().replace(" ", "-")
        bot = (f"UB{id[1:]}", f"B{id[1:]}")
        team = Team(id, name, domain, signing_secret, bot_token, app_token, app_id, *bot)
        team.enterprise, team.org_install, team.socket = enterprise, org_install, socket
        with self._changed:
            self.state.teams[id] = team
        return team

    def add_user(
        self, team: Team | str, id: str, *, name: str, real_name: str = "", email: str = ""
    ) -> User:
        """A person; `name` is what one writes after the @."""
        there = self.team(team)
        user = User(id, there.id, name, real_name or name, email or f"{name}@example.com")
        with self._changed:
            there.users[id] = user
        return user

    def add_channel(
        self,
        team: Team | str,
        id: str,
        name: str,
        *,
        member: bool = True,
        archived: bool = False,
        private: bool = False,
    ) -> Channel:
        """A channel; `member` says whether the app's bot was invited."""
        there = self.team(team)
        channel = Channel(id, there.id, name, None, archived, member, private)
        with self._changed:
            there.channels[id] = channel
        return channel

    def team(self, team: Team | str) -> Team:
        """A workspace by its id."""
        return team if isinstance(team, Team) else self.state.teams[team]

    def channel(self, team: Team | str, id: str) -> Channel:
        """A channel by its id, or the direct message with a person by theirs."""
        there = self.team(team)
        return there.dm(id) if id in there.users else there.channels[id]

    def messages(self, team: Team | str, channel: str, user: str | None = None) -> list[Message]:
        """What stands in a channel, oldest first; with `user` what they see, with their ephemeral ones."""
        there = self.channel(team, channel)
        with self._changed:
            if user:
                return there.seen_by(user)
            return [one for one in there.messages.values() if not (one.deleted or one.only_for)]

    def view(self, team: Team | str, user: str) -> View | None:
        """The modal in front of a person."""
        with self._changed:
            return next(iter(reversed(self.team(team).open_views(user))), None)

    def home(self, team: Team | str, user: str) -> View | None:
        """A person's App Home."""
        return self.team(team).home_of(user)

    # What goes wrong

    def fail(self, method: str = "*", **what: Any) -> Fault:
        """Let calls go wrong; see `Fault` for how. The last order that matches counts."""
        fault = Fault(method, **what)
        with self._changed:
            self.faults.append(fault)
        return fault

    def rate_limit(self, method: str, team: Team | str, retry_after: int) -> None:
        """Answer 429 to the method's next call for the workspace, and to all until the wait is over."""
        with self._changed:
            self.limits.order(method, self.team(team).id, retry_after)

    def archive_channel(self, team: Team | str, channel: str) -> None:
        """Archive a channel: whoever posts is told is_archived."""
        self.channel(team, channel).archived = True

    def revoke_token(self, team: Team | str) -> None:
        """From now on every method says token_revoked."""
        self.team(team).refusal = "token_revoked"

    def remove_app(self, team: Team | str) -> None:
        """From now on every method says account_inactive."""
        self.team(team).refusal = "account_inactive"

    # What is called

    def held(self) -> AbstractContextManager[object]:
        """While it lasts, nobody else changes anything; hold it to read several things as of one moment."""
        return self._changed

    def until(self, condition: Callable[[], object], timeout: float = 30) -> None:
        """Wait until something holds; it is looked at after every call.

        Raises:
            TimeoutError: it did not come to hold in so many seconds.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("what was waited for did not happen")
                self._changed.wait(min(left, 0.1))  # a condition may rest on more than calls

    def answer(self, method: str, token: str, arguments: Arguments | SlackError) -> Reply:
        """Answer one call; called by the server, in a thread of the connection's own."""
        given = arguments if isinstance(arguments, Arguments) else Arguments()
        with self._changed:
            team = self._team_of(token)
            call = Call(method, team.id if team else "", token, given, self.state.clock())
            self.calls.append(call)
            channel = _channel(team, given)
            fault = self._fault(call, channel)
        if fault and fault.hang:
            self.ended.wait(fault.hang)
        with self._changed:
            reply = self._wrong(fault) if fault and not fault.after else None
            if reply is None:
                reply = self._carry_out(call, team, channel, arguments)
                reply = (self._wrong(fault) if fault else None) or reply
            call.status = 0 if reply.drop else reply.status
            call.error = reply.body.get("error") if reply.body else None
            self._changed.notify_all()
        return reply

    def _carry_out(
        self, call: Call, team: Team | None, channel: str, given: Arguments | SlackError
    ) -> Reply:
        try:
            team = _known(call, team)
            verdict = self.limits.judge(call.method, team.id, channel)
            if verdict.early:
                self.too_early.append(call)
            if verdict.retry_after is not None:
                limited = {"ok": False, "error": "ratelimited"}
                return Reply(429, limited, retry_after=verdict.retry_after)
            if isinstance(given, SlackError):
                raise given
            if call.method == CONNECT and self.links:
                return Reply(200, {"ok": True, "url": self.links.address(team)})
            if call.method not in METHODS:
                raise SlackError("unknown_method")
            return Reply(200, {"ok": True, **METHODS[call.method](self.state, team, given)})
        except SlackError as error:
            self.complain(call.method, call.team, error)
            return Reply(200, error.body())

    def complain(self, method: str, team: str, error: SlackError) -> None:
        """Keep what breaks Slack's rules."""
        if error.code in RULES:
            self.violations.append(Violation(method, team, error.code, tuple(error.messages)))

    def _team_of(self, token: str) -> Team | None:
        teams = self.state.teams.values()
        return next(
            (one for one in teams if token in (one.bot_token, one.app_token) and token), None
        )

    def _fault(self, call: Call, channel: str) -> Fault | None:
        latest = reversed(self.faults)
        return next((one for one in latest if one.take(call.method, call.team, channel)), None)

    @staticmethod
    def _wrong(fault: Fault) -> Reply | None:
        """What a fault answers; None where it only hung."""
        if fault.drop:
            return Reply(0, None, drop=True)
        if fault.status is not None:
            return Reply(fault.status, None)
        return Reply(200, SlackError(fault.error).body()) if fault.error else None


def _known(call: Call, team: Team | None) -> Team:
    if not call.token:
        raise SlackError("not_authed")
    if team is None:
        raise SlackError("invalid_auth")
    if team.refusal:
        raise SlackError(team.refusal)
    if (call.token == team.app_token) != (call.method == CONNECT):
        raise SlackError("not_allowed_token_type")
    return team


def _channel(team: Team | None, given: Arguments) -> str:
    """The id of the channel that a call is about, however the call names it; else what it says."""
    name = str(given.get("channel", ""))
    try:
        return find_channel(team, name).id if team and name else name
    except SlackError:
        return name
