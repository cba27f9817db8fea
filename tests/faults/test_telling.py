"""Workers killed while people are told: everybody hears, and a card that is posted twice decides once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from demo.slack.double import Double
from demo.slack.state import Message
from tests.approvals.world import uuid_of
from tests.clock import travel
from tests.notifications.desk import DESK, TEAM, Desk, double_with_team
from tests.processes import Process, Worker, eventually
from tests.server import Live


@pytest.fixture
def double(server: Live, settings: Settings) -> Iterator[Double]:
    with Double(server.url) as made:
        settings.SLACK_API_URL = made.api_url
        double_with_team(made)
        yield made


def worker(folder: Path, double: Double, failpoint: str = "") -> Worker:
    more = {"ASSENTRY_FAILPOINTS": f"{failpoint}:kill"} if failpoint else {}
    return Worker(folder, ASSENTRY_SLACK_API_URL=double.api_url, **more)


def leases_end(desk: Desk) -> None:
    """What a dead worker held is free: a minute has passed for Slack's lanes and for what is sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_due SET due_at = due_at - interval '2 min', ready_at = ready_at - interval '2 min' "
            "WHERE workspace_id = %s AND kind = 'slack.lane'",
            [desk.world.workspace.id],
        )
        cursor.execute(
            "UPDATE notifications_notification SET held_until = held_until - interval '2 min' "
            "WHERE workspace_id = %s",
            [desk.world.workspace.id],
        )


def all_sent(desk: Desk, request: dict[str, Any]) -> bool:
    return [one.state for one in desk.sent(request)] == ["sent"]


def cards(double: Double) -> list[Message]:
    return [one for one in double.messages(TEAM, DESK) if not one.thread_ts]


def test_killed_while_telling_everybody_hears_of_it_once(
    double: Double, started: list[Process], tmp_path: Path
) -> None:
    desk = Desk(double)
    desk.bind("ana", "U0ANA")
    doomed = worker(tmp_path, double, "tell_before_last_statement")
    started.append(doomed)
    request = desk.world.submit()
    eventually(lambda: doomed.ended is not None)
    assert desk.sent(request) == []
    travel(uuid_of(request), seconds=40)  # the dead worker's lease is over
    started.append(worker(tmp_path, double))
    eventually(lambda: len(cards(double)) == 1 and len(desk.direct("U0ANA")) == 1)
    eventually(lambda: [one.state for one in desk.sent(request)] == ["sent", "sent"])


def test_killed_between_posting_and_noting_it_the_card_comes_twice_and_decides_once(
    double: Double, started: list[Process], tmp_path: Path
) -> None:
    desk = Desk(double, people=("ana",))
    desk.bind("ana", "U0ANA")
    doomed = worker(tmp_path, double, "slack_after_post_before_record")
    started.append(doomed)
    request = desk.world.submit()
    eventually(lambda: doomed.ended is not None)
    posted = [*cards(double), *desk.direct("U0ANA")]
    assert posted
    leases_end(desk)
    started.append(worker(tmp_path, double))
    eventually(lambda: {one.state for one in desk.sent(request)} == {"sent"})
    assert 2 <= len([*cards(double), *desk.direct("U0ANA")]) <= 4
    # The one that nobody noted has buttons that count once, as the other's do.
    for card in [*cards(double), *desk.direct("U0ANA")]:
        if any("assentry.approve" in str(block) for block in card.blocks):
            assert desk.double.press(TEAM, "U0ANA", card, "Approve").status in {200, 403}
    seen = desk.world.seen("ana", request)
    assert (seen["status"], len(seen["decisions"])) == ("approved", 1)
    assert not double.violations


def test_killed_before_a_turn_is_settled_nothing_waits_for_ever(
    double: Double, started: list[Process], tmp_path: Path
) -> None:
    desk = Desk(double)
    doomed = worker(tmp_path, double, "slack_before_settle")
    started.append(doomed)
    first, second = desk.world.submit(), desk.world.submit()
    eventually(lambda: doomed.ended is not None)
    for request in (first, second):
        travel(uuid_of(request), seconds=40)
    leases_end(desk)
    started.append(worker(tmp_path, double))
    eventually(lambda: len(cards(double)) == 2)
    for request in (first, second):
        eventually(partial(all_sent, desk, request))
