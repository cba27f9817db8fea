"""The Web API of the double, called by slack_sdk's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.slack.double import Double

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*May it run?*"}}
YES = {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "value": "req_1"}


def refused(client: WebClient, method: str, **arguments: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(SlackApiError) as raised:
        client.api_call(method, json=arguments)
    return str(raised.value.response["error"])


def test_a_message_is_posted_edited_and_deleted(double: Double, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0DESK", text="hello")
    assert posted["channel"] == "C0DESK"
    assert posted["message"]["bot_id"] == "B0ACME"
    client.chat_update(channel="C0DESK", ts=posted["ts"], text="there")
    [message] = double.messages("T0ACME", "C0DESK")
    assert (message.text, message.versions) == ("there", [{"text": "hello", "blocks": []}])
    link = client.chat_getPermalink(channel="C0DESK", message_ts=posted["ts"])["permalink"]
    assert link == f"https://acme.slack.com/archives/C0DESK/p{posted['ts'].replace('.', '')}"
    client.chat_delete(channel="C0DESK", ts=posted["ts"])
    assert double.messages("T0ACME", "C0DESK") == []
    assert refused(client, "chat.delete", channel="C0DESK", ts=posted["ts"]) == "message_not_found"
    told = [(call.method, call.team, call.token, call.error) for call in double.calls]
    assert told == [
        ("chat.postMessage", "T0ACME", "xoxb-acme", None),
        ("chat.update", "T0ACME", "xoxb-acme", None),
        ("chat.getPermalink", "T0ACME", "xoxb-acme", None),
        ("chat.delete", "T0ACME", "xoxb-acme", None),
        ("chat.delete", "T0ACME", "xoxb-acme", "message_not_found"),
    ]
    assert double.calls[0].arguments == {"channel": "C0DESK", "text": "hello"}
    assert not double.violations


def test_blocks_get_ids_and_stay_or_go_as_an_update_says(double: Double, client: WebClient) -> None:
    actions = {"type": "actions", "elements": [YES]}
    posted = client.chat_postMessage(channel="C0DESK", text="t", blocks=[SECTION, actions])
    blocks = posted["message"]["blocks"]
    assert all(block["block_id"] for block in blocks)
    assert blocks[1]["elements"][0]["action_id"]
    [message] = double.messages("T0ACME", "C0DESK")
    shorter = {"channel": "C0DESK", "ts": posted["ts"], "blocks": [SECTION]}
    client.api_call("chat.update", json=shorter)
    assert (message.text, len(message.blocks), message.edited) == ("t", 1, None)
    answer = client.chat_update(channel="C0DESK", ts=posted["ts"], text="only text")
    assert message.blocks == []  # https://docs.slack.dev/reference/methods/chat.update
    assert "blocks" not in answer["message"]
    assert answer["message"]["edited"]["user"] == "UB0ACME"


def test_who_calls_is_told_apart(double: Double, client: WebClient) -> None:
    assert client.auth_test()["user_id"] == "UB0ACME"
    post = {"channel": "C0DESK", "text": "t"}
    assert refused(WebClient(base_url=double.api_url), "chat.postMessage", **post) == "not_authed"
    other = WebClient("xoxb-other", base_url=double.api_url)
    assert refused(other, "chat.postMessage", **post) == "invalid_auth"
    app = WebClient("xapp-acme", base_url=double.api_url)
    assert refused(app, "chat.postMessage", **post) == "not_allowed_token_type"
    assert refused(client, "apps.connections.open") == "not_allowed_token_type"
    double.revoke_token("T0ACME")
    assert refused(client, "chat.postMessage", **post) == "token_revoked"
    double.remove_app("T0ACME")
    assert refused(client, "chat.postMessage", **post) == "account_inactive"
    assert double.messages("T0ACME", "C0DESK") == []


def test_a_channel_takes_no_post_that_slack_would_not_take(
    double: Double, client: WebClient
) -> None:
    double.add_channel("T0ACME", "C0OTHER", "other", member=False)
    double.add_channel("T0ACME", "C0SECRET", "secret", member=False, private=True)
    for channel, error in (
        ("C0NONE", "channel_not_found"),
        ("C0SECRET", "channel_not_found"),
        ("C0OTHER", "not_in_channel"),
    ):
        assert refused(client, "chat.postMessage", channel=channel, text="t") == error
    posted = client.chat_postMessage(channel="#desk", text="t")
    double.archive_channel("T0ACME", "C0DESK")
    assert refused(client, "chat.postMessage", channel="C0DESK", text="t") == "is_archived"
    update = {"channel": "C0DESK", "ts": posted["ts"], "text": "u"}
    assert refused(client, "chat.update", **update) == "is_archived"
    assert client.conversations_info(channel="C0DESK")["channel"]["is_archived"] is True


def test_a_direct_message_is_opened_once_and_answers_to_its_own_id(
    double: Double, client: WebClient
) -> None:
    opened = client.conversations_open(users="U0ANA")
    assert opened["channel"] == {"id": "D0ANA"}
    assert client.conversations_open(users="U0ANA")["already_open"] is True
    posted = client.chat_postMessage(channel="U0ANA", text="for you")
    assert posted["channel"] == "D0ANA"
    wrong = {"channel": "U0ANA", "ts": posted["ts"], "text": "u"}
    assert refused(client, "chat.update", **wrong) == "channel_not_found"
    client.chat_update(channel="D0ANA", ts=posted["ts"], text="u")
    [message] = double.messages("T0ACME", "U0ANA")
    assert message.text == "u"
    assert double.messages("T0ACME", "D0ANA", "U0BEN") == []
    assert refused(client, "conversations.open", users="U0NONE") == "user_not_found"
    assert refused(client, "conversations.open", users="UB0ACME") == "cannot_dm_bot"


def test_an_ephemeral_message_is_seen_by_one_and_never_updated(
    double: Double, client: WebClient
) -> None:
    sent = client.chat_postEphemeral(channel="C0DESK", user="U0ANA", text="only you")
    assert [one.text for one in double.messages("T0ACME", "C0DESK", "U0ANA")] == ["only you"]
    assert double.messages("T0ACME", "C0DESK", "U0BEN") == []
    update = {"channel": "C0DESK", "ts": sent["message_ts"], "text": "u"}
    assert refused(client, "chat.update", **update) == "message_not_found"
    away = {"channel": "C0DESK", "user": "U0NONE", "text": "t"}
    assert refused(client, "chat.postEphemeral", **away) == "user_not_in_channel"


def test_a_reply_stands_in_the_thread_of_the_first_message(
    double: Double, client: WebClient
) -> None:
    first = client.chat_postMessage(channel="C0DESK", text="1")["ts"]
    second = client.chat_postMessage(channel="C0DESK", text="2", thread_ts=first)["ts"]
    client.chat_postMessage(channel="C0DESK", text="3", thread_ts=second)
    threads = [one.thread_ts for one in double.messages("T0ACME", "C0DESK")]
    assert threads == [None, first, first]
    double.limits.on = False
    lost = {"channel": "C0DESK", "text": "t", "thread_ts": "1.000100"}
    assert refused(client, "chat.postMessage", **lost) == "thread_not_found"


def test_people_and_members_are_looked_up(double: Double, client: WebClient) -> None:
    user = client.users_info(user="U0ANA")["user"]
    assert (user["name"], user["profile"]["real_name"]) == ("ana", "Ana Support")
    assert refused(client, "users.info", user="U0NONE") == "user_not_found"
    members = client.conversations_members(channel="C0DESK")["members"]
    assert members == ["U0ANA", "U0BEN", "UB0ACME"]


def test_forms_count_as_json_does(double: Double) -> None:
    form = {"token": "xoxb-acme", "channel": "C0DESK", "blocks": json.dumps([SECTION])}
    answer = requests.post(f"{double.api_url}chat.postMessage", data=form, timeout=30)
    assert answer.json()["message"]["blocks"][0]["text"] == SECTION["text"]
    form["blocks"] = "[{"
    answer = requests.post(f"{double.api_url}chat.postMessage", data=form, timeout=30)
    assert answer.json()["error"] == "invalid_blocks_format"
    inside = {"token": "xoxb-acme", "channel": "C0DESK", "text": "t"}
    answer = requests.post(f"{double.api_url}chat.postMessage", json=inside, timeout=30)
    assert answer.json()["error"] == "not_authed"  # in a JSON body a token does not count


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/json", b"{", "invalid_json"),
        ("application/json", b"[]", "json_not_object"),
        ("text/plain", b"hello", "invalid_post_type"),
    ],
)
def test_a_body_that_is_no_call_is_refused(
    double: Double, kind: str, body: bytes, error: str
) -> None:
    headers = {"Content-Type": kind, "Authorization": "Bearer xoxb-acme"}
    answer = requests.post(f"{double.api_url}auth.test", body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (200, error)
    assert [one.code for one in double.violations] == [error]


def test_what_is_missing_is_named(double: Double, client: WebClient) -> None:
    with pytest.raises(SlackApiError) as raised:
        client.api_call("chat.postMessage", json={"text": "t"})
    messages = ["[ERROR] missing required field: channel"]
    assert raised.value.response["response_metadata"] == {"messages": messages}
    assert refused(client, "chat.postMessage", channel="C0DESK") == "no_text"
    assert refused(client, "chat.nothing") == "unknown_method"


def test_it_answers_to_names_of_this_machine_alone(double: Double) -> None:
    headers = {"Host": "rebound.example", "Authorization": "Bearer xoxb-acme"}
    answer = requests.post(f"{double.api_url}auth.test", headers=headers, timeout=30)
    assert answer.status_code == 403
    assert not double.calls
