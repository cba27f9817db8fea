"""Block Kit's limits: what is as long as may be is taken, and one more is refused and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.slack.blocks import message_problems, view_problems
from demo.slack.double import Double

Make = Callable[[int], list[dict[str, Any]]]


def plain(length: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": "x" * length}


def marked(length: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": "x" * length}


def section(**more: Any) -> dict[str, Any]:
    return {"type": "section", "text": marked(1), **more}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(1), **more}


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


def confirm(**more: Any) -> dict[str, Any]:
    made = {"title": plain(1), "text": plain(1), "confirm": plain(1), "deny": plain(1)}
    return actions(button(confirm={**made, **more}))


def select(**more: Any) -> dict[str, Any]:
    option = {"text": plain(1), "value": "v"}
    return actions({"type": "static_select", "options": [option], **more})


def options(**more: Any) -> dict[str, Any]:
    return select(options=[{"text": plain(1), "value": "v", **more}])


def entry(element: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    asked = element or {"type": "plain_text_input"}
    return {"type": "input", "label": plain(1), "element": asked, **more}


MESSAGE: list[tuple[str, int, Make]] = [
    ("blocks", 50, lambda n: [section()] * n),
    ("section text", 3000, lambda n: [section(text=marked(n))]),
    ("section fields", 10, lambda n: [section(fields=[plain(1)] * n)]),
    ("section field", 2000, lambda n: [section(fields=[plain(n)])]),
    ("header", 150, lambda n: [{"type": "header", "text": plain(n)}]),
    ("context elements", 10, lambda n: [{"type": "context", "elements": [marked(1)] * n}]),
    ("actions", 25, lambda n: [actions(*[button()] * n)]),
    ("button text", 75, lambda n: [actions(button(text=plain(n)))]),
    ("button value", 2000, lambda n: [actions(button(value="v" * n))]),
    ("button url", 3000, lambda n: [actions(button(url="https://a".ljust(n, "a")))]),
    ("action_id", 255, lambda n: [actions(button(action_id="a" * n))]),
    ("block_id", 255, lambda n: [section(block_id="b" * n)]),
    ("confirm title", 100, lambda n: [confirm(title=plain(n))]),
    ("confirm text", 300, lambda n: [confirm(text=plain(n))]),
    ("confirm button", 30, lambda n: [confirm(confirm=plain(n))]),
    ("placeholder", 150, lambda n: [select(placeholder=plain(n))]),
    ("option text", 75, lambda n: [options(text=plain(n))]),
    ("option value", 150, lambda n: [options(value="v" * n)]),
    ("options", 100, lambda n: [select(options=[{"text": plain(1), "value": "v"}] * n)]),
    ("markdown", 12_000, lambda n: [{"type": "markdown", "text": "m" * n}]),
    (
        "markdown of all",
        12_000,
        lambda n: [{"type": "markdown", "text": "m" * half} for half in (6000, n - 6000)],
    ),
    (
        "image text",
        2000,
        lambda n: [{"type": "image", "image_url": "https://a", "alt_text": "x" * n}],
    ),
]


@pytest.mark.parametrize(
    ("most", "make"), [case[1:] for case in MESSAGE], ids=[c[0] for c in MESSAGE]
)
def test_a_message_keeps_to_the_limit(most: int, make: Make) -> None:
    assert message_problems(make(most)) == []
    assert message_problems(make(most + 1))


WRONG: list[tuple[str, list[Any], str]] = [
    ("no such block", [{"type": "video"}], "unsupported type: video [json-pointer:/blocks/0/type]"),
    ("no type", [{}], "missing required field: type [json-pointer:/blocks/0]"),
    ("no object", ["x"], "must be an object [json-pointer:/blocks/0]"),
    (
        "no such element",
        [actions({"type": "knob"})],
        "unsupported type: knob [json-pointer:/blocks/0/elements/0/type]",
    ),
    (
        "header in markup",
        [{"type": "header", "text": marked(1)}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    (
        "empty text",
        [section(text=marked(0))],
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        "no text",
        [{"type": "section"}],
        "must provide text or fields [json-pointer:/blocks/0]",
    ),
    (
        "unknown field",
        [section(colour="red")],
        "invalid additional property: colour [json-pointer:/blocks/0]",
    ),
    (
        "style",
        [actions(button(style="loud"))],
        "must be one of the following values: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        "address",
        [actions(button(url="javascript:alert(1)"))],
        "Invalid URL [json-pointer:/blocks/0/elements/0/url]",
    ),
    (
        "the same action twice",
        [actions(button(action_id="a"), button(action_id="a"))],
        "`action_id` a already exists [json-pointer:/blocks/0/elements]",
    ),
    (
        "the same block twice",
        [section(block_id="b"), section(block_id="b")],
        "`block_id` b already exists [json-pointer:/blocks]",
    ),
    (
        "nothing to choose",
        [actions({"type": "static_select"})],
        "must provide either options or option_groups [json-pointer:/blocks/0]",
    ),
    (
        "no image",
        [{"type": "image", "alt_text": "x"}],
        "must provide either image_url or slack_file [json-pointer:/blocks/0]",
    ),
    (
        "a number for a text",
        [section(block_id=1)],
        "must be a string [json-pointer:/blocks/0/block_id]",
    ),
    (
        "no actions",
        [actions()],
        "no less than 1 items allowed [json-pointer:/blocks/0/elements]",
    ),
]


@pytest.mark.parametrize(
    ("blocks", "says"), [case[1:] for case in WRONG], ids=[c[0] for c in WRONG]
)
def test_what_slack_does_not_take_is_named(blocks: list[Any], says: str) -> None:
    assert message_problems(blocks) == [f"[ERROR] {says}"]


def modal(**more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain(1), "blocks": [section()], **more}


VIEW: list[tuple[str, int, Callable[[int], dict[str, Any]]]] = [
    ("blocks", 100, lambda n: modal(blocks=[section()] * n)),
    ("title", 24, lambda n: modal(title=plain(n))),
    ("submit", 24, lambda n: modal(submit=plain(n))),
    ("close", 24, lambda n: modal(close=plain(n))),
    ("private_metadata", 3000, lambda n: modal(private_metadata="m" * n)),
    ("callback_id", 255, lambda n: modal(callback_id="c" * n)),
    ("label", 2000, lambda n: modal(submit=plain(1), blocks=[entry(label=plain(n))])),
]


@pytest.mark.parametrize(("most", "make"), [case[1:] for case in VIEW], ids=[c[0] for c in VIEW])
def test_a_view_keeps_to_the_limit(most: int, make: Callable[[int], dict[str, Any]]) -> None:
    assert view_problems(make(most), "modal") == []
    assert view_problems(make(most + 1), "modal")


def test_a_modal_that_asks_must_be_able_to_be_sent() -> None:
    assert view_problems(modal(blocks=[entry()]), "modal") == [
        "[ERROR] must define `submit` to use an `input` block in modals [json-pointer:/view]"
    ]
    assert view_problems({"type": "home", "blocks": [entry()]}, "home") == []
    assert view_problems(modal(), "home") == [
        "[ERROR] must be one of the following values: home [json-pointer:/view/type]"
    ]


def test_a_refusal_is_told_and_kept(double: Double, client: WebClient) -> None:
    with pytest.raises(SlackApiError) as raised:
        client.chat_postMessage(channel="C0DESK", text="t", blocks=[section(text=marked(3001))])
    told = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    response = raised.value.response
    assert (response["error"], response["errors"]) == ("invalid_blocks", [told])
    assert response["response_metadata"]["messages"] == [f"[ERROR] {told}"]
    [violation] = double.violations
    assert (violation.method, violation.code) == ("chat.postMessage", "invalid_blocks")
    assert violation.messages == (f"[ERROR] {told}",)
    assert double.messages("T0ACME", "C0DESK") == []


def test_text_has_its_own_limits_and_an_update_a_lower_one(
    double: Double, client: WebClient
) -> None:
    posted = client.chat_postMessage(channel="C0DESK", text="x" * 40_000)
    for text in ("x" * 4001, "é" * 2001, "&" * 801):
        with pytest.raises(SlackApiError, match="msg_too_long"):
            client.chat_update(channel="C0DESK", ts=posted["ts"], text=text)
    for text in ("x" * 4000, "&amp;" * 800, "&" * 800):
        client.chat_update(channel="C0DESK", ts=posted["ts"], text=text)
    with pytest.raises(SlackApiError, match="msg_too_long"):
        client.chat_postMessage(channel="C0DESK", text="x" * 40_001)
    assert [one.code for one in double.violations] == ["msg_too_long"] * 4
