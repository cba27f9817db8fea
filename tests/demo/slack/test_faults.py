"""What goes wrong on command, and for whom."""

from __future__ import annotations

import http.client
import threading
import time

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.slack.double import Double


def test_an_error_comes_so_often_and_only_where_it_was_ordered(
    double: Double, client: WebClient
) -> None:
    fault = double.fail(
        "chat.postMessage", team="T0ACME", channel="C0DESK", error="is_archived", times=2
    )
    client.chat_postMessage(channel="U0ANA", text="t")
    for _ in range(2):
        with pytest.raises(SlackApiError, match="is_archived"):
            client.chat_postMessage(channel="#desk", text="t")
    client.chat_postMessage(channel="C0DESK", text="t")
    assert fault.happened == 2
    assert len(double.messages("T0ACME", "C0DESK")) == 1
    assert [call.error for call in double.calls] == [None, "is_archived", "is_archived", None]


def test_the_last_order_counts_and_stands_for_ever_where_it_says_so(
    double: Double, client: WebClient
) -> None:
    double.fail(error="internal_error", times=None)
    double.fail("auth.test", error="team_access_not_granted")
    for error in ("team_access_not_granted", "internal_error", "internal_error"):
        with pytest.raises(SlackApiError, match=error):
            client.auth_test()


def test_a_status_comes_with_no_json(double: Double, client: WebClient) -> None:
    double.fail(status=500)
    headers = {"Authorization": "Bearer xoxb-acme"}
    answer = requests.post(f"{double.api_url}auth.test", headers=headers, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html")
    assert client.auth_test()["ok"]


def test_a_connection_closes_before_or_after_the_call_took_effect(
    double: Double, client: WebClient
) -> None:
    post = {"channel": "C0DESK", "text": "t"}
    double.fail("chat.postMessage", drop=True)
    with pytest.raises(http.client.RemoteDisconnected):
        client.api_call("chat.postMessage", json=post)
    assert double.messages("T0ACME", "C0DESK") == []
    double.fail("chat.postMessage", drop=True, after=True)
    with pytest.raises(http.client.RemoteDisconnected):
        client.api_call("chat.postMessage", json=post)
    assert len(double.messages("T0ACME", "C0DESK")) == 1
    assert [call.status for call in double.calls] == [0, 0]


def test_an_answer_hangs_so_long_and_then_comes(double: Double, client: WebClient) -> None:
    double.fail("auth.test", hang=0.2)
    began = time.monotonic()
    assert client.auth_test()["ok"]
    assert time.monotonic() - began >= 0.2


def test_what_hangs_holds_nobody_up_and_ends_with_the_double(client: WebClient) -> None:
    with Double() as double:
        double.add_team("T0ACME", signing_secret="s", bot_token="xoxb-acme")
        double.fail("users.info", hang=3600)
        slow = WebClient("xoxb-acme", base_url=double.api_url, retry_handlers=[])
        caller = threading.Thread(target=_quietly, args=(slow,))
        caller.start()
        double.until(lambda: double.calls)
        assert slow.auth_test()["ok"]
    caller.join(30)
    assert not caller.is_alive()


def _quietly(client: WebClient) -> None:
    with pytest.raises((SlackApiError, OSError, http.client.HTTPException)):
        client.users_info(user="U0NONE")


def test_nobody_waits_for_ever_for_what_does_not_happen(double: Double) -> None:
    with pytest.raises(TimeoutError, match="did not happen"):
        double.until(lambda: double.calls, timeout=0.01)
