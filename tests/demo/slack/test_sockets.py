"""Socket Mode, spoken by slack_sdk's own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from demo.slack.double import Double
from demo.slack.sockets import Sockets
from tests.demo.slack.product import Product
from tests.demo.slack.test_people import ACTIONS, ANA

TEAM = "T0SOCK"


class App:
    """The product's side: slack_sdk's client, acknowledging with what `says` holds for a type."""

    def __init__(self, double: Double) -> None:
        self.came: list[SocketModeRequest] = []
        self.says: dict[str, dict[str, object]] = {}
        self.silent = False
        web = WebClient("xapp-sock", base_url=double.api_url)
        self.client = SocketModeClient("xapp-sock", web_client=web, ping_interval=1)
        self.client.socket_mode_request_listeners.append(self._take)

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        self.came.append(request)
        if not self.silent:
            payload = self.says.get(request.type)
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))


@pytest.fixture
def sockets(double: Double) -> Sockets:
    double.add_team(
        TEAM, signing_secret="s", bot_token="xoxb-sock", app_token="xapp-sock", socket=True
    )
    double.add_user(TEAM, ANA, name="ana")
    return Sockets(double)


@pytest.fixture
def app(double: Double, sockets: Sockets) -> Iterator[App]:
    made = App(double)
    made.client.connect()
    double.until(lambda: sockets.connected(TEAM))
    yield made
    made.client.close()


def test_what_people_do_comes_in_envelopes_and_is_acknowledged(
    double: Double, app: App, product: Product
) -> None:
    client = WebClient("xoxb-sock", base_url=double.api_url)
    client.chat_postMessage(channel=ANA, text="t", blocks=[ACTIONS])
    assert double.press(TEAM, ANA, double.messages(TEAM, ANA)[0], "Approve").taken
    app.says["slash_commands"] = {"text": "Two wait."}
    assert double.command(TEAM, ANA, ANA, "/assentry", "list").taken
    assert double.say(TEAM, ANA, ANA, "hello").taken
    assert [one.type for one in app.came] == ["interactive", "slash_commands", "events_api"]
    assert app.came[0].payload["actions"][0]["value"] == "req_1"
    assert app.came[1].payload["command"] == "/assentry"
    assert app.came[2].payload["event"]["text"] == "hello"
    assert [one.accepts_response_payload for one in app.came] == [True, True, False]
    shown = [one.text for one in double.messages(TEAM, ANA, ANA)]
    assert shown == ["t", "Two wait.", "hello"]
    assert not product.came, "nothing came over HTTP"


def test_an_event_that_is_not_acknowledged_comes_again(
    double: Double, sockets: Sockets, app: App
) -> None:
    sockets.patience, app.silent = 0.1, True
    answer = double.say(TEAM, ANA, ANA, "hello")
    assert (answer.status, answer.taken) == (0, False)
    sockets.patience, app.silent = 3.0, False
    assert double.again(answer, 1, "timeout").taken
    first, second = sockets.envelopes
    assert first["payload"] == second["payload"]
    assert [one["retry_attempt"] for one in (first, second)] == [0, 1]
    assert first["envelope_id"] != second["envelope_id"]


def test_a_client_that_is_sent_away_comes_back(double: Double, sockets: Sockets, app: App) -> None:
    sockets.disconnect(TEAM, "refresh_requested")
    opened = "apps.connections.open"
    double.until(lambda: sum(one.method == opened for one in double.calls) == 2)
    double.until(lambda: sockets.connected(TEAM) == 1)
    assert double.say(TEAM, ANA, ANA, "still there?").taken


def test_where_nobody_is_connected_nothing_is_taken(double: Double, sockets: Sockets) -> None:
    answer = double.say(TEAM, ANA, ANA, "hello")
    assert (answer.status, answer.taken) == (0, False)


def test_an_address_opens_one_connection(double: Double, sockets: Sockets) -> None:
    web = WebClient("xapp-sock", base_url=double.api_url)
    address = web.apps_connections_open(app_token="xapp-sock")["url"]
    with connect(address) as first:
        assert '"type": "hello"' in str(first.recv(30))
        with connect(address) as second, pytest.raises(ConnectionClosed):
            second.recv(30)
        sockets.disconnect(TEAM, "warning")
        assert '"reason": "warning"' in str(first.recv(30))
        assert sockets.connected(TEAM) == 1


def test_only_an_app_token_opens_one(double: Double, sockets: Sockets) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        WebClient("xoxb-sock", base_url=double.api_url).apps_connections_open(app_token="xoxb-sock")
    double.revoke_token(TEAM)
    with pytest.raises(SlackApiError, match="token_revoked"):
        WebClient(base_url=double.api_url).apps_connections_open(app_token="xapp-sock")


def test_a_signature_cannot_be_forged_where_there_is_none(double: Double, sockets: Sockets) -> None:
    with pytest.raises(ValueError, match="there is no signature"):
        double.say(TEAM, ANA, ANA, "t", signature="v0=0")


def test_it_ends_with_the_double(double: Double, sockets: Sockets) -> None:
    web = WebClient("xapp-sock", base_url=double.api_url)
    with connect(web.apps_connections_open(app_token="xapp-sock")["url"]) as open_one:
        open_one.recv(30)
        double.close()
        with pytest.raises(ConnectionClosed):
            open_one.recv(30)
