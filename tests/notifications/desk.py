"""A workspace whose people are told in Slack: the world, the double, and what the workers would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from api.slack.afterwards import afterwards
from approvals import cards
from approvals.announcing import tell_due
from core import due
from demo.slack.double import Double
from demo.slack.state import Message
from notifications.models import Notification, SlackBinding, SlackInstallation
from notifications.slack import binding, installs
from notifications.slack.installs import Wanted
from notifications.slack.lanes import SlackSender
from notifications.sql import SLACK, TELL
from tests.approvals.world import TEST, World, uuid_of

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-acme-0123456789"
TEAM = "T0ACME"
DESK = "C0DESK"
RULE: dict[str, Any] = {
    "name": "Ask the leads",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}


def double_with_team(double: Double) -> None:
    """One Slack workspace with Ana, Ben, a stranger and the desk's channel."""
    double.add_team(TEAM, signing_secret=SECRET, bot_token=TOKEN)
    for user, name in (("U0ANA", "ana"), ("U0BEN", "ben"), ("U0EVE", "eve")):
        double.add_user(TEAM, user, name=name, real_name=name.title())
    double.add_channel(TEAM, DESK, "desk")


def forget_apps() -> None:
    """Take out what earlier tests connected: the same team with the same secret."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_slackinstallation SET state = 'removed', bot_token = NULL, "
            "signing_secret = NULL, app_token = NULL, earlier_secret = NULL, earlier_until = NULL "
            "WHERE state <> 'removed'"
        )


class Desk:
    """A workspace with the double's app, and the turns of its workers taken one by one."""

    def __init__(
        self,
        double: Double,
        rules: Sequence[dict[str, Any]] = (RULE,),
        people: Sequence[str] = ("ana", "ben"),
        **action: Any,
    ) -> None:
        self.double = double
        self.world = World({"lead": list(people)}, rules, **action)
        roles = self.world.policy["roles"]
        roles["lead"] = {**roles["lead"], "slack": DESK}
        self.world.apply(roles=roles)
        self.installation: SlackInstallation = installs.connect(
            actor=TEST,
            workspace=self.world.workspace,
            wanted=Wanted(bot_token=TOKEN, signing_secret=SECRET),
        )
        self.sender = SlackSender(cards.cards)

    def bind(self, name: str, user: str) -> SlackBinding:
        """Connect a Slack user, as opening the link while signed in does."""
        link = binding.link_for(
            workspace=self.world.workspace.id,
            installation=self.installation.id,
            team=TEAM,
            user=user,
            user_name=name,
        )
        token = link.rpartition("/")[2]
        return binding.bind(actor=TEST, person=self.world.people[name], token=token)

    def tell(self, request: dict[str, Any]) -> None:
        """What a worker does with the promise to tell of this request."""
        claimed = due.take(TELL, [uuid_of(request)])
        if claimed:
            tell_due(claimed)

    def post(self, most: int = 50) -> None:
        """Let Slack's lanes have their turns, whatever the clock says, until nothing waits in them."""
        for _ in range(most):
            self.double.state.clock.at += 2  # type: ignore[attr-defined]  # `conftest` set it
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE notifications_lane SET next_at = clock_timestamp() - interval '1 hour' "
                    "WHERE installation_id = %s RETURNING id",
                    [self.installation.id],
                )
                lanes: list[UUID] = [row[0] for row in cursor.fetchall()]
            claimed = due.take(SLACK, lanes)
            if not claimed:
                return
            self.sender.take(claimed)
        raise AssertionError("lanes go on and on")

    def work(self, request: dict[str, Any]) -> None:
        """Tell and post."""
        self.tell(request)
        self.post()

    def settle(self) -> None:
        """Until what is said in Slack beside an answer was said."""
        afterwards.wait()

    def sent(self, request: dict[str, Any]) -> list[Notification]:
        """What was told of a request, oldest first."""
        return list(Notification.objects.filter(request_id=uuid_of(request)).order_by("id"))

    def in_channel(self) -> list[Message]:
        """What stands in the desk's channel, without threads."""
        return [m for m in self.double.messages(TEAM, DESK) if not m.thread_ts and not m.only_for]

    def direct(self, user: str) -> list[Message]:
        """What the app wrote to a user."""
        there = self.double.team(TEAM)
        return [m for m in there.dm(user).messages.values() if m.bot and not m.only_for]

    def whispers(self, user: str) -> list[str]:
        """What only this user was told, oldest first."""
        there = self.double.team(TEAM)
        found = [
            message
            for channel in there.channels.values()
            for message in channel.messages.values()
            if message.only_for == user
        ]
        return [message.text for message in sorted(found, key=lambda one: one.ts)]
