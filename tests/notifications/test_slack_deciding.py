"""Deciding in Slack, through the real door: whose press counts, and what of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.models import Decision
from demo.slack.state import Message
from tests.approvals.world import uuid_of
from tests.notifications.desk import TEAM, Desk
from tests.together import together


def asked(desk: Desk, **body: Any) -> tuple[dict[str, Any], Message]:
    """A request, and its card in the desk's channel."""
    request = desk.world.submit(**body)
    desk.work(request)
    return request, desk.in_channel()[-1]


def test_a_press_is_a_vote_and_the_card_says_so_at_once(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve")
    assert pressed.status == 200
    assert pressed.body == ""
    seen = desk.world.seen("ana", request)
    assert (seen["status"], seen["basis"]) == ("approved", "people")
    (vote,) = seen["decisions"]
    assert (vote["verdict"], vote["channel"], vote["assurance"]) == ("approve", "slack", "chat")
    assert vote["person"]["name"] == "Ana"
    stored = Decision.objects.get(request_id=uuid_of(request))
    (told,) = [n for n in desk.sent(request) if not n.person_id]
    assert stored.shown_digest == told.shown_digest
    desk.settle()
    desk.work(request)
    assert "By Ana." in json.dumps(card.blocks)
    assert not [b for b in buttons(card) if b["action_id"] != "assentry.open"]
    assert desk.whispers("U0ANA") == ["You approved."]
    assert not desk.double.violations


def test_the_same_press_twenty_times_is_one_vote(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve")
    again = together([lambda: desk.double.again(pressed) for _ in range(20)])
    assert {one.status for one in again} == {200}
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 1


def test_twenty_presses_at_once_are_one_vote_and_say_the_same(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = together(
        [lambda: desk.double.press(TEAM, "U0ANA", card, "Approve") for _ in range(20)]
    )
    assert {one.status for one in pressed} == {200}
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 1


@pytest.mark.parametrize("press", ["Approve", "Reject…"])
def test_somebody_unknown_is_told_how_to_connect_and_nothing_is_decided(
    desk: Desk, press: str
) -> None:
    request, card = asked(desk)
    assert desk.double.press(TEAM, "U0EVE", card, press).status == 200
    assert desk.world.seen("ana", request)["decisions"] == []
    desk.settle()
    (said,) = desk.whispers("U0EVE")
    assert "does not know who you are" in said
    assert "/slack/link/" in said


def buttons(message: Message) -> list[dict[str, Any]]:
    """Every button of a message."""
    return [
        element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]
