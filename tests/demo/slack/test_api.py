"""The Web API of the double, called by slack_sdk's own client."""

from __future__ import annotations

from slack_sdk import WebClient

from demo.slack.double import Double


def test_a_message_is_posted_edited_and_deleted(double: Double, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0DESK", text="hello")
    assert posted["channel"] == "C0DESK"
    client.chat_update(channel="C0DESK", ts=posted["ts"], text="there")
    [message] = double.messages("T0ACME", "C0DESK")
    assert (message.text, message.versions) == ("there", [{"text": "hello", "blocks": []}])
    client.chat_delete(channel="C0DESK", ts=posted["ts"])
    assert double.messages("T0ACME", "C0DESK") == []
    assert [call.method for call in double.calls] == [
        "chat.postMessage",
        "chat.update",
        "chat.delete",
    ]
