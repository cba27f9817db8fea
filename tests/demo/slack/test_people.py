"""What people do reaches the product as Slack would send it, signed, and its answers count."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.signature import Clock, SignatureVerifier

from demo.slack.delivery import Answer, sign
from demo.slack.double import Double
from demo.slack.state import Message, View
from tests.demo.slack.conftest import SECRET
from tests.demo.slack.product import Came, Product

VECTOR = json.loads(
    (Path(__file__).parents[2] / "vectors" / "slack_signature.json").read_text(encoding="utf-8")
)
TEAM, ANA, BEN = "T0ACME", "U0ANA", "U0BEN"


class Frozen(Clock):
    """Always the same second."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(name), "action_id": name.lower(), **more}


ACTIONS: dict[str, Any] = {
    "type": "actions",
    "block_id": "decide",
    "elements": [button("Approve", value="req_1", style="primary"), button("Reject")],
}
REASON = {
    "type": "input",
    "block_id": "reason",
    "label": plain("Why?"),
    "element": {"type": "plain_text_input", "action_id": "text", "min_length": 3, "max_length": 9},
}
PRESET = {
    "type": "input",
    "block_id": "preset",
    "optional": True,
    "label": plain("Preset"),
    "element": {
        "type": "static_select",
        "action_id": "choice",
        "options": [{"text": plain("Too much"), "value": "much"}],
    },
}
MODAL = {
    "type": "modal",
    "title": plain("Reject"),
    "submit": plain("Send"),
    "blocks": [REASON, PRESET],
}


@pytest.fixture
def card(double: Double, client: WebClient) -> Message:
    """A message with buttons."""
    client.chat_postMessage(channel="C0DESK", text="May it run?", blocks=[ACTIONS])
    return double.messages(TEAM, "C0DESK")[0]


@pytest.fixture
def modal(double: Double, client: WebClient, product: Product, card: Message) -> View:
    """A modal that the product opened when somebody pressed."""

    def opens(came: Came) -> tuple[int, str]:
        if came.payload["type"] == "block_actions":
            client.views_open(trigger_id=came.payload["trigger_id"], view=MODAL)
        return 200, ""

    product.says = opens
    assert double.press(TEAM, ANA, card, "Reject").taken
    view = double.view(TEAM, ANA)
    assert view is not None
    return view


def test_the_published_vector_is_signed_the_same() -> None:
    body = VECTOR["body"].encode()
    assert sign(VECTOR["signing_secret"], VECTOR["timestamp"], body) == VECTOR["signature"]


def test_a_press_arrives_signed_and_in_slacks_shape(
    double: Double, product: Product, card: Message
) -> None:
    answer = double.press(TEAM, ANA, card, "Approve")
    assert (answer.status, answer.taken, answer.body) == (200, True, "")
    [came] = product.came
    assert (came.path, came.signed) == ("/slack/interactions", True)
    assert came.headers["Content-Type"] == "application/x-www-form-urlencoded"
    told = came.payload
    who = {"id": ANA, "username": "ana", "name": "ana", "team_id": TEAM}
    assert (told["type"], told["user"]) == ("block_actions", who)
    assert told["team"] == {"id": TEAM, "domain": "acme"}
    assert (told["enterprise"], told["is_enterprise_install"]) == (None, False)
    assert told["api_app_id"] == "A0ASSENTRY"
    container = {"type": "message", "message_ts": card.ts, "channel_id": "C0DESK"}
    assert told["container"] == {**container, "is_ephemeral": False}
    assert told["channel"] == {"id": "C0DESK", "name": "desk"}
    assert told["message"]["blocks"] == card.blocks
    assert told["response_url"].startswith("https://hooks.slack.com/actions/T0ACME/")
    [action] = told["actions"]
    assert action.pop("action_ts") > card.ts
    assert action == {
        "action_id": "approve",
        "block_id": "decide",
        "type": "button",
        "value": "req_1",
        "style": "primary",
        "text": {"type": "plain_text", "text": "Approve"},
    }
    assert double.sent == [answer]


def test_in_a_grid_the_enterprise_is_named_and_the_workspace_may_not_be(
    double: Double, product: Product
) -> None:
    for id, org_install in (("T0GRID", False), ("T0ORG", True)):
        token = f"xoxb-{id}"
        double.add_team(
            id, signing_secret=SECRET, bot_token=token, enterprise="E0", org_install=org_install
        )
        double.add_user(id, ANA, name="ana")
        client = WebClient(token, base_url=double.api_url)
        assert client.auth_test()["is_enterprise_install"] is org_install
        client.chat_postMessage(channel=ANA, text="t", blocks=[ACTIONS])
        double.press(id, ANA, double.messages(id, ANA)[0], "approve")
    inside, org = (came.payload for came in product.came)
    assert inside["team"]["enterprise_id"] == "E0"
    assert (org["team"], org["user"]["team_id"]) == (None, "T0ORG")
    assert org["enterprise"]["id"] == inside["enterprise"]["id"] == "E0"
    assert (org["is_enterprise_install"], inside["is_enterprise_install"]) == (True, False)


def test_nobody_presses_what_they_do_not_see(
    double: Double, client: WebClient, product: Product, card: Message
) -> None:
    with pytest.raises(ValueError, match=r"approve \(Approve\), reject \(Reject\)"):
        double.press(TEAM, ANA, card, "Delete")
    client.chat_postEphemeral(channel="C0DESK", user=ANA, text="t", blocks=[ACTIONS])
    [_, whisper] = double.messages(TEAM, "C0DESK", ANA)
    with pytest.raises(ValueError, match="ben does not see this"):
        double.press(TEAM, BEN, whisper, "Approve")
    double.press(TEAM, ANA, whisper, "Approve")
    [came] = product.came
    assert came.payload["container"]["is_ephemeral"] is True
    assert "message" not in came.payload
    client.chat_delete(channel="C0DESK", ts=card.ts)
    with pytest.raises(ValueError, match="does not see"):
        double.press(TEAM, ANA, card, "Approve")


def test_everything_about_a_request_can_be_forged(
    double: Double, product: Product, card: Message
) -> None:
    now = int(time.time())

    def as_ben(payload: dict[str, Any]) -> None:
        payload["user"]["id"] = BEN

    double.press(TEAM, ANA, card, "Approve", change=as_ben)
    assert product.came[0].payload["user"]["id"] == BEN
    double.press(TEAM, ANA, card, "Approve", tamper=lambda body: body.replace(b"req_1", b"req_2"))
    assert product.came[1].payload["actions"][0]["value"] == "req_2"
    double.press(TEAM, ANA, card, "Approve", timestamp=now - 301)
    double.press(TEAM, ANA, card, "Approve", secret="another")
    double.press(TEAM, ANA, card, "Approve", signature="v0=" + "0" * 64)
    double.press(TEAM, ANA, card, "Approve", signature="")
    assert [came.signed for came in product.came] == [True, *[False] * 5]
    old = product.came[2]
    # A clock of its own: the SDK's default is one object, which every other verifier goes by too.
    at_the_time = SignatureVerifier(SECRET, Frozen(now - 300))
    assert at_the_time.is_valid_request(old.body, old.headers), "only its time was wrong"
    assert "X-Slack-Signature" not in product.came[5].headers


def test_a_modal_is_sent_and_closes(double: Double, product: Product, modal: View) -> None:
    answer = double.submit(modal, {"reason": "too much", "choice": "much"})
    assert answer.taken
    told = product.came[-1].payload
    assert (told["type"], told["view"]["id"]) == ("view_submission", modal.id)
    option = {"text": plain("Too much"), "value": "much"}
    assert told["view"]["state"]["values"] == {
        "reason": {"text": {"type": "plain_text_input", "value": "too much"}},
        "preset": {"choice": {"type": "static_select", "selected_option": option}},
    }
    assert double.view(TEAM, ANA) is None
    with pytest.raises(ValueError, match="not open"):
        double.submit(modal, {"reason": "again"})


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "complete this required field"),
        ({"reason": "no"}, "3 characters or more"),
        ({"reason": "x" * 10}, "9 characters or fewer"),
        ({"reason": "enough", "choice": "none"}, "offers no 'none'"),
        ({"reason": "enough", "other": "x"}, "asks for other"),
    ],
)
def test_slack_itself_holds_back_what_its_form_would(
    double: Double, product: Product, modal: View, values: dict[str, str], why: str
) -> None:
    sent = len(product.came)
    with pytest.raises(ValueError, match=why):
        double.submit(modal, values)
    assert len(product.came) == sent
    assert double.view(TEAM, ANA) is modal


def test_the_answer_to_a_modal_keeps_it_replaces_it_or_clears_all(
    double: Double, product: Product, modal: View
) -> None:
    def says(**answer: Any) -> None:
        product.says = lambda came: (200, json.dumps(answer))

    says(response_action="errors", errors={"reason": "Say more."})
    double.submit(modal, {"reason": "because"})
    assert (modal.state, modal.errors) == ("open", {"reason": "Say more."})
    says(response_action="update", view={**MODAL, "title": plain("Sure?")})
    double.submit(modal, {"reason": "because"})
    assert (modal.body["title"], modal.errors) == (plain("Sure?"), {})
    says(response_action="push", view={**MODAL, "title": plain("Once more")})
    double.submit(modal, {"reason": "because"})
    pushed = double.view(TEAM, ANA)
    assert pushed is not None
    assert pushed.previous == modal.id
    says(response_action="clear")
    double.submit(pushed, {"reason": "because"})
    assert double.view(TEAM, ANA) is None
    assert not double.violations


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"none": "x"}},
        {"response_action": "errors"},
        {"response_action": "update", "view": {"type": "modal"}},
        {"response_action": "jump"},
    ],
)
def test_an_answer_that_slack_does_not_take_is_kept(
    double: Double, product: Product, modal: View, answer: dict[str, Any]
) -> None:
    product.says = lambda came: (200, json.dumps(answer))
    double.submit(modal, {"reason": "because"})
    assert [one.method for one in double.violations] == ["view_submission"]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_modal_stays_where_the_product_did_not_take_it(
    double: Double, product: Product, modal: View, status: int
) -> None:
    product.says = lambda came: (status, "")
    answer = double.submit(modal, {"reason": "because"})
    assert (answer.status, answer.taken) == (status, False)
    assert modal.state == "open"


def test_a_closed_modal_is_told_of_where_it_asked(
    double: Double, client: WebClient, product: Product, modal: View
) -> None:
    sent = len(product.came)
    assert double.close_view(modal) is None
    assert len(product.came) == sent
    trigger = double.state.trigger(TEAM, ANA)
    client.views_open(trigger_id=trigger, view={**MODAL, "notify_on_close": True})
    view = double.view(TEAM, ANA)
    assert view is not None
    told = double.close_view(view)
    assert told is not None
    assert (product.came[-1].payload["type"], view.state) == ("view_closed", "closed")


def test_a_command_is_a_form_and_its_answer_is_shown_to_who_wrote_it(
    double: Double, product: Product
) -> None:
    product.says = lambda came: (200, json.dumps({"text": "Two wait.", "blocks": [ACTIONS]}))
    double.command(TEAM, ANA, "C0DESK", "/assentry", "list & more")
    [came] = product.came
    assert (came.path, came.signed) == ("/slack/commands", True)
    told = came.payload
    assert (told["command"], told["text"]) == ("/assentry", "list & more")
    assert (told["team_id"], told["user_id"], told["channel_id"]) == (TEAM, ANA, "C0DESK")
    assert told["trigger_id"] in double.state.triggers
    [shown] = double.messages(TEAM, "C0DESK", ANA)
    assert (shown.text, shown.only_for) == ("Two wait.", ANA)
    double.press(TEAM, ANA, shown, "Approve")
    product.says = lambda came: (200, json.dumps({"response_type": "in_channel", "text": "All."}))
    double.command(TEAM, ANA, "C0DESK", "/assentry")
    assert [one.text for one in double.messages(TEAM, "C0DESK", BEN)] == ["All."]
    product.says = lambda came: (200, "Just text.")
    double.command(TEAM, ANA, ANA, "/assentry")
    assert [one.text for one in double.messages(TEAM, ANA, ANA)] == ["Just text."]
    product.says = lambda came: (200, json.dumps({"blocks": [{"type": "knob"}]}))
    double.command(TEAM, ANA, "C0DESK", "/assentry")
    assert [one.method for one in double.violations] == ["command"]


def test_what_is_said_arrives_escaped_as_an_event(double: Double, product: Product) -> None:
    double.say(TEAM, ANA, "C0DESK", "<b> & https://a.example/x?y=1")
    [first] = double.messages(TEAM, "C0DESK")
    double.say(TEAM, BEN, "C0DESK", "why?", thread_ts=first.ts)
    one, two = (came.payload for came in product.came)
    assert [came.signed for came in product.came] == [True, True]
    assert product.came[0].path == "/slack/events"
    assert (one["type"], one["team_id"]) == ("event_callback", TEAM)
    event = one["event"]
    assert event["text"] == "&lt;b&gt; &amp; <https://a.example/x?y=1>"
    assert (event["type"], event["user"], event["ts"]) == ("message", ANA, first.ts)
    assert (event["channel"], event["channel_type"]) == ("C0DESK", "channel")
    assert one["event_id"] != two["event_id"]
    reply = two["event"]
    assert (reply["thread_ts"], reply["parent_user_id"]) == (first.ts, ANA)


def test_slack_tells_of_the_apps_own_messages_too(
    double: Double, product: Product, card: Message
) -> None:
    double.echo(card)
    event = product.came[0].payload["event"]
    assert (event["type"], event["bot_id"], event["ts"]) == ("message", "B0ACME", card.ts)


def test_where_the_app_is_not_nobody_tells_it(double: Double) -> None:
    double.add_channel(TEAM, "C0OTHER", "other", member=False)
    with pytest.raises(ValueError, match="not in this channel"):
        double.say(TEAM, ANA, "C0OTHER", "t")
    double.archive_channel(TEAM, "C0DESK")
    with pytest.raises(ValueError, match="archived"):
        double.say(TEAM, ANA, "C0DESK", "t")


def test_the_same_event_comes_again_where_it_was_not_taken(
    double: Double, product: Product
) -> None:
    product.says = lambda came: (500, "")
    answer = double.say(TEAM, ANA, "C0DESK", "once")
    assert not answer.taken
    double.again(answer, 1, "http_error")
    first, second = product.came
    assert first.body == second.body
    assert second.signed
    assert second.headers["X-Slack-Retry-Num"] == "1"
    assert second.headers["X-Slack-Retry-Reason"] == "http_error"
    assert len(double.messages(TEAM, "C0DESK")) == 1


def test_the_other_events(double: Double, product: Product) -> None:
    double.open_home(TEAM, ANA)
    double.tokens_revoked(TEAM)
    double.app_uninstalled(TEAM)
    double.event(TEAM, {"type": "channel_archive", "channel": "C0DESK", "user": ANA})
    events = [came.payload["event"] for came in product.came]
    assert [event["type"] for event in events] == [
        "app_home_opened",
        "tokens_revoked",
        "app_uninstalled",
        "channel_archive",
    ]
    assert (events[0]["user"], events[0]["channel"], events[0]["tab"]) == (ANA, "D0ANA", "home")
    assert events[1]["tokens"] == {"oauth": [], "bot": ["UB0ACME"]}


def test_a_challenge_is_asked_for(double: Double, product: Product) -> None:
    product.says = lambda came: (200, str(came.payload["challenge"]))
    answer = double.verify_url(TEAM)
    assert answer.body == answer.payload["challenge"]
    assert answer.payload["type"] == "url_verification"


def test_a_press_in_a_home_or_a_modal_names_the_view(
    double: Double, client: WebClient, product: Product
) -> None:
    client.views_publish(user_id=ANA, view={"type": "home", "blocks": [ACTIONS]})
    home = double.home(TEAM, ANA)
    assert home is not None
    double.press(TEAM, ANA, home, "Approve")
    told = product.came[0].payload
    assert told["container"] == {"type": "view", "view_id": home.id}
    assert "message" not in told
    with pytest.raises(ValueError, match="ben does not see"):
        double.press(TEAM, BEN, home, "Approve")


def test_a_choice_says_what_was_chosen(double: Double, client: WebClient, product: Product) -> None:
    option = {"text": plain("Mine"), "value": "mine"}
    select = {"type": "static_select", "action_id": "filter", "options": [option]}
    block = {"type": "section", "text": plain("Show"), "accessory": select}
    client.chat_postMessage(channel="C0DESK", text="t", blocks=[block])
    [message] = double.messages(TEAM, "C0DESK")
    double.press(TEAM, ANA, message, "filter", "mine")
    [action] = product.came[0].payload["actions"]
    assert (action["type"], action["selected_option"]) == ("static_select", option)


def test_a_product_that_is_away_is_an_answer_too(double: Double, card: Message) -> None:
    double.app = "http://127.0.0.1:9"
    answer = double.press(TEAM, ANA, card, "Approve")
    assert (answer.status, answer.taken) == (0, False)
    assert "refused" in answer.body


@pytest.mark.parametrize(
    ("status", "elapsed", "taken"), [(200, 2.9, True), (200, 3.1, False), (500, 0.1, False)]
)
def test_what_comes_too_late_does_not_count(status: int, elapsed: float, taken: bool) -> None:
    assert Answer(status, "", elapsed, TEAM, "/slack/interactions", {}).taken is taken
