"""Socket Mode: the same over a connection that we opened, which may drop and come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.slack.sockets import Sockets
from demo.slack import sockets as double_sockets
from demo.slack.double import Double
from notifications.slack import installs
from notifications.slack.installs import Wanted
from tests.approvals.world import TEST
from tests.notifications.desk import DESK, TEAM, Desk
from tests.notifications.test_slack_deciding import asked
from tests.notifications.test_slack_modals import opened

APP_TOKEN = "xapp-1-acme-0123456789"


@pytest.fixture
def links(double: Double) -> double_sockets.Sockets:
    """The double's side: the team sends everything over sockets."""
    double.team(TEAM).app_token = APP_TOKEN
    double.team(TEAM).socket = True
    return double_sockets.Sockets(double)


@pytest.fixture
def ours(links: double_sockets.Sockets, desk: Desk) -> Iterator[Sockets]:
    """The product's side, as a worker runs it; looked after when a test says so."""
    change(desk, app_token=APP_TOKEN)
    made = Sockets()
    made.look()
    desk.double.until(lambda: links.connected(TEAM))
    yield made
    made.close()


def change(desk: Desk, **wanted: Any) -> None:
    installs.change(
        actor=TEST,
        workspace=desk.world.workspace.id,
        installation=desk.installation.id,
        wanted=Wanted(**wanted),
    )


def test_everything_works_over_the_socket_as_it_does_over_http(
    desk: Desk, links: double_sockets.Sockets, ours: Sockets
) -> None:
    request, card = asked(desk)
    assert desk.double.press(TEAM, "U0EVE", card, "Approve").taken
    command = desk.double.command(TEAM, "U0ANA", DESK, "/assentry")
    assert command.json["text"] == "1 wait for you"
    view = opened(desk, card, "Reject…")
    desk.double.submit(view, {"comment": " "})
    assert list(view.errors) == ["comment"]
    said = desk.double.say(TEAM, "U0ANA", DESK, "Which order?", card.ts)
    assert desk.double.again(said).taken
    assert desk.double.press(TEAM, "U0ANA", card, "Approve").taken
    seen = desk.world.seen("ana", request)
    (vote,) = seen["decisions"]
    assert (vote["verdict"], vote["channel"]) == ("approve", "slack")
    assert [one["text"] for one in seen["messages"]] == ["Which order?"]
    desk.settle()
    assert "does not know who you are" in desk.whispers("U0EVE")[0]
    assert len(links.envelopes) == len(desk.double.sent)
    assert not desk.double.violations


def test_a_connection_that_drops_comes_back(
    desk: Desk, links: double_sockets.Sockets, ours: Sockets
) -> None:
    request, card = asked(desk)
    links.disconnect(TEAM, "refresh_requested")
    desk.double.until(lambda: links.connected(TEAM), 30)
    assert desk.double.press(TEAM, "U0ANA", card, "Approve").taken
    assert desk.world.seen("ana", request)["status"] == "approved"


@pytest.mark.parametrize("how", ["taken away", "replaced", "removed"])
def test_without_its_token_the_connection_is_closed(
    desk: Desk, links: double_sockets.Sockets, ours: Sockets, how: str
) -> None:
    if how == "taken away":
        change(desk, app_token="")
    elif how == "removed":
        installs.remove(
            actor=TEST, workspace=desk.world.workspace.id, installation=desk.installation.id
        )
    else:
        desk.double.team(TEAM).app_token = "xapp-2-acme-0123456789"
        change(desk, app_token="xapp-2-acme-0123456789")
    ours.look()
    wanted = 1 if how == "replaced" else 0
    desk.double.until(lambda: links.connected(TEAM) == wanted)


def test_a_token_that_slack_refuses_leaves_the_others_connected(
    desk: Desk, links: double_sockets.Sockets, ours: Sockets, double: Double
) -> None:
    double.add_team(
        "T0BAD", signing_secret="s" * 20, bot_token="xoxb-bad-0123456789", app_id="A0AAA"
    )
    bad = installs.connect(
        actor=TEST,
        workspace=desk.world.workspace,
        wanted=Wanted("xoxb-bad-0123456789", "s" * 20, "xapp-9-unknown-0123"),
    )
    ours.look()
    assert links.connected(TEAM) == 1
    # Mended, it connects at the next look.
    double.team("T0BAD").app_token = "xapp-3-good-0123456789"
    double.team("T0BAD").socket = True
    installs.change(
        actor=TEST,
        workspace=desk.world.workspace.id,
        installation=bad.id,
        wanted=Wanted(app_token="xapp-3-good-0123456789"),
    )
    ours.look()
    double.until(lambda: links.connected("T0BAD") == 1)
    assert links.connected(TEAM) == 1


@pytest.mark.parametrize(
    "change_",
    [
        {"api_app_id": "A0OTHER"},
        {"api_app_id": None},
        {"team": {"id": "T0OTHER"}},
        {"team": None},
        {"user": "U0ANA\0"},
        {"actions": [{"action_id": "assentry.approve", "value": "forged"}]},
    ],
    ids=repr,
)
def test_an_envelope_that_is_none_of_the_apps_is_acknowledged_and_nothing_else(
    desk: Desk, links: double_sockets.Sockets, ours: Sockets, change_: dict[str, Any]
) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(
        TEAM, "U0ANA", card, "Approve", change=lambda payload: payload.update(change_)
    )
    assert (pressed.status, pressed.body) == (200, "")
    assert desk.world.seen("ana", request)["decisions"] == []
    assert "approved" not in json.dumps(card.blocks).lower().replace("assentry.approve", "")
