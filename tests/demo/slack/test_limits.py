"""One post a second and channel, waits on command, and what comes before a wait is over."""

from __future__ import annotations

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.slack.double import Double
from tests.demo.slack.conftest import Clock


def wait_of(client: WebClient, channel: str = "C0DESK") -> int | None:
    """Post: None where it went through, else the seconds that it must wait."""
    headers = {"Authorization": f"Bearer {client.token}"}
    body = {"channel": channel, "text": "t"}
    answer = requests.post(
        f"{client.base_url}chat.postMessage", json=body, headers=headers, timeout=30
    )
    if answer.status_code == 200:
        assert answer.json()["ok"]
        return None
    assert (answer.status_code, answer.json()["error"]) == (429, "ratelimited")
    return int(answer.headers["Retry-After"])


def test_slacks_own_client_sees_a_limit(double: Double, client: WebClient) -> None:
    double.rate_limit("auth.test", "T0ACME", 7)
    with pytest.raises(SlackApiError) as raised:
        client.auth_test()
    response = raised.value.response
    assert (response.status_code, response["error"]) == (429, "ratelimited")
    assert response.headers["Retry-After"] == "7"


def test_three_posts_come_at_once_and_then_one_a_second(
    double: Double, client: WebClient, clock: Clock
) -> None:
    assert [wait_of(client) for _ in range(4)] == [None, None, None, 1]
    assert wait_of(client, "U0ANA") is None, "another channel has a bucket of its own"
    assert not double.too_early
    clock.at += 0.5
    assert wait_of(client, "#desk") == 1, "the same channel by its name"
    assert [call.at for call in double.too_early] == [1000.5]
    clock.at += 1
    assert [wait_of(client), wait_of(client)] == [None, 1]
    assert len(double.messages("T0ACME", "C0DESK")) == 4
    clock.at += 60
    assert [wait_of(client) for _ in range(4)] == [None, None, None, 1], "it saves up no more"
    assert len(double.too_early) == 1


def test_the_limit_can_be_switched_off(double: Double, client: WebClient, clock: Clock) -> None:
    double.limits.on = False
    assert [wait_of(client) for _ in range(9)] == [None] * 9


def test_a_wait_on_command_holds_for_a_method_and_a_workspace(
    double: Double, client: WebClient, clock: Clock
) -> None:
    double.add_team("T0OTHER", signing_secret="s", bot_token="xoxb-other")
    double.add_channel("T0OTHER", "C0OTHER", "other")
    other = WebClient("xoxb-other", base_url=double.api_url)
    double.rate_limit("chat.postMessage", "T0ACME", 30)
    assert wait_of(client) == 30
    assert wait_of(other, "C0OTHER") is None
    assert client.auth_test()["ok"]
    assert not double.too_early
    clock.at += 12.5
    assert wait_of(client, "U0ANA") == 18, "whatever the channel"
    [early] = double.too_early
    assert (early.method, early.team, early.at) == ("chat.postMessage", "T0ACME", 1012.5)
    clock.at += 17.5
    assert wait_of(client) is None
    assert len(double.too_early) == 1


def test_who_is_not_known_is_told_so_and_not_to_wait(double: Double, clock: Clock) -> None:
    double.rate_limit("chat.postMessage", "T0ACME", 30)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient("xoxb-none", base_url=double.api_url).chat_postMessage(channel="C0DESK", text="t")
