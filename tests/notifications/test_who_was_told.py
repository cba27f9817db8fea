"""The request's page says who was told, by what, and what could not be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import ids
from demo.slack.double import Double
from notifications.models import Notification
from notifications.stories import Message, Story
from pages.told import who_was_told
from tests.approvals.world import uuid_of
from tests.factories import PASSWORD
from tests.notifications.desk import TEAM, Desk
from tests.notifications.test_channels_page import administer, browser_of, text_of
from tests.pages.yard import is_sound
from tests.server import Live

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture
def desk(double: Double) -> Desk:
    made = Desk(double, password=PASSWORD)
    made.bind("ana", "U0ANA")
    administer(made.world)
    return made


def test_who_was_told_and_opened_it(desk: Desk, server: Live) -> None:
    request = desk.world.submit()
    browser = browser_of(desk.world, server, "ben")
    path = f"/requests/{request['id']}"
    assert browser.get(path).tree.all("section", id="told") == []
    desk.work(request)
    page = browser.get(path)
    is_sound(page.tree, path)
    told = text_of(page, "told")
    assert told.startswith("Who was told Ana told in Slack")
    assert "Lead as a role told in Slack" in told
    assert "opened" not in told
    (card,) = desk.direct("U0ANA")
    desk.double.press(TEAM, "U0ANA", card, "assentry.approve")
    desk.settle()
    assert ", opened " in text_of(browser.get(path), "told")


def test_one_that_told_nobody_says_so(desk: Desk, server: Live) -> None:
    desk.double.revoke_token(TEAM)
    request = desk.world.submit()
    desk.work(request)
    desk.tell(request)
    for name, leads in (("ben", False), ("ana", True)):
        page = browser_of(desk.world, server, name).get(f"/requests/{request['id']}")
        told = text_of(page, "told")
        assert "It told nobody since" in told
        assert "Ana could not be told in Slack: token_revoked" in told
        assert ("Look at the channels" in told) == leads


def message(**more: Any) -> Message:
    at = NOW
    fields: dict[str, Any] = {
        "id": ids.uuid7(),
        "request": ids.uuid7(),
        "kind": "asked",
        "channel": "email",
        "person": ids.uuid7(),
        "name": "Ana",
        "role": "",
        "service": "",
        "state": "pending",
        "reason": "",
        "tries": 0,
        "gathered": False,
        "created_at": at,
        "due_at": at,
        "sent_at": None,
        "viewed_at": None,
        "failing": False,
    }
    return Message(**(fields | more))


@pytest.mark.parametrize(
    ("more", "said", "rest"),
    [
        ({}, "is being told by mail", ""),
        ({"state": "sent"}, "told by mail", ""),
        ({"state": "sent", "kind": "outcome"}, "told of the outcome by mail", ""),
        (
            {"failing": True, "reason": "the server does not answer", "tries": 3},
            "mail waits",
            "the server does not answer; tried 3 times",
        ),
        ({"state": "failed", "reason": "is_archived"}, "could not be told by mail", "is_archived"),
        (
            {"state": "withdrawn"},
            "was not told by mail: there was nothing left to tell",
            "",
        ),
        ({"gathered": True}, "to be told by mail, in a gathering mail after", ""),
        ({"due_at": NOW + timedelta(hours=1)}, "to be told by mail after", ""),
        ({"channel": "push"}, "is being told in a browser", ""),
        ({"channel": "other", "service": "ops", "state": "sent"}, "told by ops", ""),
        (
            {"channel": "other", "state": "sent"},
            "told by a service that was removed",
            "",
        ),
    ],
    ids=str,
)
def test_every_state_has_its_words(more: dict[str, Any], said: str, rest: str) -> None:
    (whom,) = who_was_told(Story((message(**more),), None), {}).people
    (way,) = whom.ways
    assert (way.said, way.more) == (said, rest)


def test_words_of_the_conversation_are_no_telling() -> None:
    assert not who_was_told(Story((message(kind="reply"),), None), {})


def test_somebody_elses_page_says_nothing(desk: Desk, server: Live) -> None:
    """Each request has its own story."""
    first, second = desk.world.submit(), desk.world.submit()
    desk.work(first)
    page = browser_of(desk.world, server, "ben").get(f"/requests/{second['id']}")
    assert page.tree.all("section", id="told") == []
    assert Notification.objects.filter(request_id=uuid_of(first)).exists()
