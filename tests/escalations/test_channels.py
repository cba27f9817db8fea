"""What steps tell, in Slack and by what else there is: marked, inert, once, and over with the request."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from pytest_django import Settings

from api.slack.afterwards import afterwards
from approvals.sql import ESCALATE
from core import due
from demo.slack.double import Double
from escalations.stepping import escalate_due
from tests.approvals.world import uuid_of
from tests.clock import travel
from tests.demo.slack.conftest import Clock
from tests.notifications.desk import DESK, TEAM, Desk, double_with_team, forget_apps
from tests.server import Live


@pytest.fixture
def double(server: Live, settings: Settings) -> Iterator[Double]:
    with Double(server.url) as made:
        settings.SLACK_API_URL = made.api_url
        made.state.clock = Clock()
        double_with_team(made)
        forget_apps()
        yield made
        afterwards.wait()


@pytest.fixture
def desk(double: Double) -> Desk:
    made = Desk(double)
    made.bind("ana", "U0ANA")
    made.bind("ben", "U0BEN")
    return made


def escalated(desk: Desk, *steps: dict[str, Any], **payload: Any) -> dict[str, Any]:
    """A request whose first step was taken, and told."""
    clocked(desk, *steps)
    request = desk.world.submit(payload=payload or {"amount": 20})
    desk.work(request)
    travel(uuid_of(request), minutes=61)
    escalate_due(due.take(ESCALATE, [uuid_of(request)]))
    desk.work(request)
    return request


def clocked(desk: Desk, *steps: dict[str, Any]) -> None:
    rule = deepcopy(desk.world.policy["rules"][0])
    rule["ask"]["escalation"] = "money"
    desk.world.apply(rules=[rule], escalations={"money": list(steps)})


def texts(messages: list[Any]) -> list[str]:
    return [message.text for message in messages]


def test_a_reminder_comes_as_a_message_of_its_own_with_a_way_to_the_request(
    desk: Desk, double: Double
) -> None:
    request = escalated(desk, {"after": "1h", "remind": True})
    for told in (desk.direct("U0ANA"), desk.direct("U0BEN"), double.messages(TEAM, DESK)):
        card, reminder = told
        assert any("assentry.approve" in str(block) for block in card.blocks)
        assert "Reminder: this waits for a decision" in reminder.text
        assert request["links"]["page"] in str(reminder.blocks)
        # It opens the page; deciding is for the card, which is kept up to date.
        assert "assentry.approve" not in str(reminder.blocks)
    assert not double.violations


def test_who_is_only_told_gets_no_buttons(desk: Desk, double: Double) -> None:
    desk.world.policy["roles"]["watch"] = {"members": [desk.world.email("olivia")]}
    desk.bind("olivia", "U0EVE")
    escalated(desk, {"after": "1h", "notify": "role:watch"})
    [notice] = desk.direct("U0EVE")
    assert "Nobody has decided this for 1 h 1 min" in notice.text
    assert "assentry.approve" not in str(notice.blocks)
    assert not double.violations


def test_a_title_that_an_agent_wrote_is_inert_in_a_reminder(desk: Desk, double: Double) -> None:
    desk.world.policy["actions"]["payments.refund"]["show"] = "Refund {payload.to}"
    escalated(
        desk,
        {"after": "1h", "remind": True},
        amount=1,
        to="<!channel> *now* <https://evil.example|ok>",
    )
    reminder = desk.direct("U0ANA")[-1]
    assert "<!channel>" not in reminder.text
    # In a block it stands as text that Slack reads for no markup.
    assert reminder.blocks[0]["text"]["type"] == "plain_text"
    assert "&lt;!channel&gt;" in reminder.text
    assert not double.violations


def test_what_ended_before_it_was_sent_reminds_nobody(desk: Desk, double: Double) -> None:
    clocked(desk, {"after": "1h", "remind": True})
    request = desk.world.submit()
    desk.work(request)
    travel(uuid_of(request), minutes=61)
    escalate_due(due.take(ESCALATE, [uuid_of(request)]))
    desk.world.decide("ana", request)
    desk.work(request)
    assert not any("Reminder" in text for text in texts(desk.direct("U0BEN")))
    states = {(one.kind, one.state) for one in desk.sent(request)}
    assert ("reminder", "withdrawn") in states
    assert ("reminder", "sent") not in states
