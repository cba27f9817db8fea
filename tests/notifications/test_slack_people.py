"""What people ask of the app in Slack: what waits for them, a search, a link; and its Home."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from demo.slack.double import Double
from notifications.models import SlackBinding
from notifications.slack import binding
from people.services import deactivate_person
from tests.approvals.world import TEST
from tests.notifications.desk import DESK, TEAM, Desk


def told(desk: Desk, user: str, words: str = "", **how: Any) -> tuple[str, str]:
    """What the command answers: its text, and its blocks as JSON."""
    answer = desk.double.command(TEAM, user, DESK, "/assentry", words, **how)
    assert answer.taken
    said = answer.json
    assert said["response_type"] == "ephemeral"
    assert not desk.double.violations
    return said["text"], json.dumps(said.get("blocks", []), ensure_ascii=False)


def test_the_command_lists_what_waits_and_searches_in_it(desk: Desk) -> None:
    assert told(desk, "U0ANA")[0] == "Nothing waits for you."
    lamp = desk.world.submit(summary="The lamp broke")
    chair = desk.world.submit(summary="The *chair* <!channel> is late")
    count, listed = told(desk, "U0ANA")
    assert count == "2 wait for you"
    assert lamp["id"] in listed
    assert chair["id"] in listed
    for words in ("lamp", "LAMP broke", f"  {lamp['id']} "):
        count, listed = told(desk, "U0ANA", words)
        assert count == "1 wait for you"
        assert lamp["id"] in listed
        assert chair["id"] not in listed
    for words in ("lamp chair", "%", "'; --", "x" * 3000, "<!channel> nothing"):
        assert told(desk, "U0ANA", words)[0] == "Nothing that waits for you holds these words."
    desk.world.decide("ana", lamp)
    assert told(desk, "U0ANA")[0] == "1 wait for you"
    assert "assentry connect" in told(desk, "U0ANA", "help")[0]


@pytest.mark.parametrize("words", ["", "connect", "CONNECT", "lamp"])
def test_a_stranger_is_given_a_link_that_binds_them_once(desk: Desk, words: str) -> None:
    said, blocks = told(desk, "U0EVE", words)
    (token,) = re.findall(r"/slack/link/([\w-]+)", said)
    assert token in blocks
    offered = binding.offered(token)
    assert offered is not None
    assert (offered.user, offered.user_name) == ("U0EVE", "eve")
    binding.bind(actor=TEST, person=desk.world.people["olivia"], token=token)
    assert binding.offered(token) is None
    assert told(desk, "U0EVE")[0] == "Nothing waits for you."
    # No link is in a message that others see.
    assert "/slack/link/" not in json.dumps([m.blocks for m in desk.in_channel()])


def test_who_is_connected_may_connect_another_account_and_help_tells_of_it(desk: Desk) -> None:
    said, _ = told(desk, "U0ANA", "connect")
    assert said.startswith("You are connected.")
    (token,) = re.findall(r"/slack/link/([\w-]+)", said)
    binding.bind(actor=TEST, person=desk.world.people["olivia"], token=token)
    live = SlackBinding.objects.filter(
        installation=desk.installation, user_id="U0ANA", ended_at=None
    )
    assert [one.person_id for one in live] == [desk.world.people["olivia"].id]


def test_who_is_no_longer_active_learns_nothing(desk: Desk) -> None:
    desk.world.submit(summary="secret plan")
    deactivate_person(actor=TEST, person=desk.world.people["ana"])
    said, blocks = told(desk, "U0ANA")
    assert "secret" not in said + blocks
    assert "To decide" in said
    said, blocks = told(desk, "U0ANA", "secret")
    assert "secret" not in said + blocks


def test_two_workspaces_of_ours_in_one_team_are_listed_together_and_connected_one_by_one(
    desk: Desk, double: Double
) -> None:
    second = Desk(double)
    said, _ = told(desk, "U0EVE", "connect")
    assert len(re.findall(r"/slack/link/", said)) == 2
    second.bind("ana", "U0ANA")
    mine, theirs = desk.world.submit(), second.world.submit()
    count, listed = told(desk, "U0ANA")
    assert count == "2 wait for you"
    assert mine["id"] in listed
    assert theirs["id"] in listed
    # Ben is somebody in the first alone.
    _, listed = told(desk, "U0BEN")
    assert theirs["id"] not in listed


def test_a_command_of_another_team_or_app_is_nobodys(desk: Desk) -> None:
    for change in ({"team_id": "T0EVIL"}, {"api_app_id": "A0EVIL"}):
        how: dict[str, Any] = {"change": lambda payload, c=change: payload.update(c)}
        assert desk.double.command(TEAM, "U0ANA", DESK, "/assentry", **how).status == 401


def home(desk: Desk, user: str) -> str:
    assert desk.double.open_home(TEAM, user).taken
    desk.settle()
    view = desk.double.home(TEAM, user)
    assert view is not None
    assert not desk.double.violations
    return json.dumps(view.body["blocks"], ensure_ascii=False)


def test_home_says_what_waits_or_how_to_connect(desk: Desk) -> None:
    assert "/assentry connect" in home(desk, "U0EVE")
    assert "Nothing waits for you." in home(desk, "U0ANA")
    request = desk.world.submit()
    assert request["id"] in home(desk, "U0ANA")
    assert request["id"] not in home(desk, "U0EVE")
    desk.world.decide("ben", request)
    assert "Nothing waits for you." in home(desk, "U0ANA")


def test_of_sixty_that_wait_forty_are_listed_and_the_rest_is_counted(desk: Desk) -> None:
    for amount in range(60):
        desk.world.submit(payload={"amount": amount})
    shown = home(desk, "U0ANA")
    assert "*60* wait for you" in shown
    assert "20 more: open the inbox" in shown
    assert shown.count('"accessory"') == 40
    count, listed = told(desk, "U0ANA")
    assert count == "60 wait for you"
    assert "50 more: open the inbox" in listed


def test_the_other_tabs_of_the_app_are_left_alone(desk: Desk) -> None:
    event = {"type": "app_home_opened", "user": "U0ANA", "tab": "messages", "channel": "D0ANA"}
    assert desk.double.event(TEAM, event).status == 200
    desk.settle()
    assert desk.double.home(TEAM, "U0ANA") is None
