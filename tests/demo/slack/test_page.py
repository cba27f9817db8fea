"""The double's page: people read and act on it, hostile text stays text, and only itself may press."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from slack_sdk import WebClient

from demo.slack.double import Double
from demo.slack.mrkdwn import marked, plain
from tests.demo.slack.product import Came, Product
from tests.demo.slack.test_people import ACTIONS, ANA, BEN, MODAL, TEAM
from tests.pages.browser import parse

HOSTILE = "</p><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Browser:
    """One person at one place."""

    def __init__(self, double: Double, user: str = ANA, place: str = "C0DESK") -> None:
        self.base, self.where = double.base, {"team": TEAM, "as": user, "in": place}

    def see(self) -> Any:
        answer = requests.get(f"{self.base}/", self.where, timeout=30)
        assert answer.status_code == 200
        return parse(answer.text)

    def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> int:
        sent = {"Origin": self.base, **headers}
        answer = requests.post(
            self.base + path, {**self.where, **(fields or {})}, headers=sent, timeout=30
        )
        return answer.status_code

    def press(self, label: str) -> int:
        """Send the form whose button says so, with its hidden fields."""
        for form in self.see().all("form"):
            if any(button.text == label for button in form.all("button")):
                fields = {
                    one.attributes["name"]: one.attributes["value"]
                    for one in form.all("input")
                    if one.attributes.get("type") == "hidden"
                }
                return self.post(form.attributes["action"], fields)
        raise AssertionError(f"nothing says {label}")


def test_a_message_is_shown_and_its_button_presses(
    double: Double, client: WebClient, product: Product
) -> None:
    header: dict[str, Any] = {
        "type": "header",
        "text": {"type": "plain_text", "text": "Refund &amp; tell"},
    }
    fields = {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Amount*\n129.90"}]}
    link = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Open"},
        "url": "https://a/?b&c",
    }
    opens = {"type": "actions", "elements": [link]}
    client.chat_postMessage(channel="C0DESK", text="t", blocks=[header, fields, ACTIONS, opens])
    ana = Browser(double)
    [article] = ana.see().all("article")
    assert "Refund & tell" in article.text
    assert [one.text for one in article.all("strong")] == ["Amount"]
    assert article.one("a").attributes["href"] == "https://a/?b&c"
    assert article.one("a").attributes["rel"] == "noopener noreferrer"
    assert ana.press("Approve") == 200
    [came] = product.came
    assert came.signed
    assert came.payload["user"]["id"] == ANA
    assert came.payload["actions"][0]["value"] == "req_1"
    [line] = ana.see().one("ol", id="sent").all("li")
    assert line.text.startswith("200 /slack/interactions block_actions")


def test_hostile_text_is_text_everywhere(double: Double, client: WebClient) -> None:
    user = double.add_user(TEAM, "U0EVE", name=HOSTILE, real_name=HOSTILE)
    double.add_channel(TEAM, "C0EVE", HOSTILE)
    text = {"type": "plain_text", "text": HOSTILE[:75]}
    said = {
        "type": "mrkdwn",
        "text": f"{HOSTILE} `{HOSTILE}` ```{HOSTILE}``` <https://a|{HOSTILE}>",
    }
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": text},
        {"type": "section", "text": said, "block_id": HOSTILE},
        {"type": "context", "elements": [said]},
        {"type": "image", "image_url": "https://a/x.png", "alt_text": HOSTILE},
        {"type": "markdown", "text": HOSTILE},
        {
            "type": "actions",
            "elements": [{"type": "button", "text": text, "value": HOSTILE, "action_id": HOSTILE}],
        },
    ]
    for channel in ("C0EVE", user.id):
        client.chat_postMessage(channel=channel, text="t", blocks=blocks)
    double.say(TEAM, user, "C0EVE", HOSTILE)
    title = {"type": "plain_text", "text": HOSTILE[:24]}
    view = {**MODAL, "title": title, "private_metadata": HOSTILE}
    client.views_open(trigger_id=double.state.trigger(TEAM, user.id), view=view)
    client.views_publish(user_id=user.id, view={"type": "home", "blocks": blocks})
    for place in ("C0EVE", "dm", "home"):
        tree = Browser(double, user.id, place).see()
        scripts = [one.attributes for one in tree.all("script")]
        assert scripts == [{"src": "/page.js", "defer": ""}], place
        assert not tree.all("img"), place
        assert "<script>alert(1)</script>" in tree.text


def test_it_loads_nothing_from_elsewhere(double: Double) -> None:
    answer = requests.get(double.base, timeout=30)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    kinds = {"/page.css": "text/css", "/page.js": "text/javascript"}
    for path, kind in kinds.items():
        file = requests.get(double.base + path, timeout=30)
        assert file.headers["Content-Type"].startswith(kind)
        assert "//" not in file.text.replace("://", "") or path == "/page.js"
        assert "http" not in file.text
    for path in ("/none", "/?in=C0NONE", "/?as=U0NONE", "/?team=T0NONE", "/../server.py"):
        assert requests.get(double.base + path, timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/press", {"message": "1.000100", "channel": "C0DESK"}),
        ("/submit", {"view": "V9"}),
        ("/close", {"view": "V9"}),
        ("/say", {"text": "t", "in": "C0NONE"}),
        ("/none", {}),
    ],
)
def test_what_is_not_there_cannot_be_acted_on(
    double: Double, path: str, fields: dict[str, str]
) -> None:
    assert Browser(double).post(path, fields) == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
def test_only_its_own_page_may_press(double: Double, product: Product, origin: str) -> None:
    ana = Browser(double)
    assert ana.post("/say", {"text": "hello"}, Origin=origin) == 403
    assert not product.came
    assert double.messages(TEAM, "C0DESK") == []
    assert ana.post("/say", {"text": "hello"}) == 200
    assert len(product.came) == 1


def test_a_name_that_was_made_to_point_here_reads_nothing(double: Double) -> None:
    rebound = {"Host": "rebound.example", "Origin": "http://rebound.example"}
    assert requests.get(double.base, headers=rebound, timeout=30).status_code == 403
    assert Browser(double).post("/say", {"text": "hello"}, **rebound) == 403
    assert double.messages(TEAM, "C0DESK") == []


def test_people_write_reply_and_give_commands(double: Double, product: Product) -> None:
    ana = Browser(double)
    ana.post("/say", {"text": "hello <all>"})
    [first] = double.messages(TEAM, "C0DESK")
    ana.post("/say", {"text": "/not a command here", "thread": first.ts})
    product.says = lambda came: (200, json.dumps({"text": "Only for you."}))
    ana.post("/say", {"text": "/assentry list mine"})
    assert [came.path for came in product.came] == [
        "/slack/events",
        "/slack/events",
        "/slack/commands",
    ]
    command = product.came[2].payload
    assert (command["command"], command["text"]) == ("/assentry", "list mine")
    shown = ana.see()
    assert "hello <all>" in shown.text
    assert "1 reply" in shown.text
    assert "Only for you." in shown.text
    assert "Only for you." not in Browser(double, BEN).see().one("div", id="messages").text


def test_a_modal_is_a_form_with_its_errors(
    double: Double, client: WebClient, product: Product
) -> None:
    client.views_open(trigger_id=double.state.trigger(TEAM, ANA), view=MODAL)
    ana, view = Browser(double), double.view(TEAM, ANA)
    assert view is not None
    form = ana.see().one("form", id="modal-form")
    [entry] = [one for one in form.all("input") if one.attributes["type"] == "text"]
    assert entry.attributes["name"] == "v.reason.text"
    assert (entry.attributes["minlength"], entry.attributes["maxlength"]) == ("3", "9")
    assert not Browser(double, BEN).see().one("div", id="modal").text
    product.says = lambda came: (
        200,
        json.dumps({"response_action": "errors", "errors": {"reason": "Say more."}}),
    )
    fields = {"view": view.id, "v.reason.text": "because", "v.preset.choice": "much"}
    ana.post("/submit", fields)
    values = product.came[0].payload["view"]["state"]["values"]
    assert values["reason"]["text"]["value"] == "because"
    assert values["preset"]["choice"]["selected_option"]["value"] == "much"
    assert "Say more." in ana.see().one("div", id="modal").text
    ana.post("/submit", {**fields, "v.reason.text": "no"})
    assert "Slack would not submit this" in ana.see().one("ol", id="sent").text
    assert Browser(double, BEN).post("/close", {"view": view.id}) == 200
    assert view.state == "open", "another person's form"
    ana.post("/close", {"view": view.id})
    assert not ana.see().one("div", id="modal").text


def test_the_home_tells_the_product_that_it_was_opened(
    double: Double, client: WebClient, product: Product
) -> None:
    def publishes(came: Came) -> tuple[int, str]:
        client.views_publish(
            user_id=came.payload["event"]["user"], view={"type": "home", "blocks": [ACTIONS]}
        )
        return 200, ""

    product.says = publishes
    ana = Browser(double, place="home")
    assert "has published no Home" in ana.see().text
    assert not product.came, "looking presses nothing"
    ana.post("/home")
    product.says = lambda came: (200, "")
    assert ana.press("Reject") == 200
    assert product.came[1].payload["container"]["type"] == "view"


def test_a_confirmation_is_asked_before_the_press(
    double: Double, client: WebClient, product: Product
) -> None:
    say = {
        name: {"type": "plain_text", "text": name} for name in ("title", "text", "confirm", "deny")
    }
    button = {**ACTIONS["elements"][0], "confirm": say}
    client.chat_postMessage(
        channel="C0DESK", text="t", blocks=[{"type": "actions", "elements": [button]}]
    )
    ana = Browser(double)
    asked = ana.see().one("details", **{"class": "confirm"})
    assert asked.one("summary").text == "Approve"
    assert ana.press("confirm") == 200
    assert len(product.came) == 1


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _it_ ~no~ a*b*c 2 * 3 * 4", "<strong>bold</strong> <em>it</em> <s>no</s> a*b*c 2 * 3 * 4"),
        ("`a*b*` ```x\ny```", "<code>a*b*</code> <pre>x\ny</pre>"),
        ("&lt;b&gt; &amp;amp; <b>", "&lt;b&gt; &amp;amp; &lt;b&gt;"),
        ("a\nb", "a<br>b"),
        ("&gt; said\nmore", "<blockquote>said</blockquote>more"),
        ("<@U0ANA> <#C0DESK> <!here>", '<span class="mention">@ana</span> <span class="mention">#C0DESK</span> <span class="mention">@here</span>'),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
        ("*<https://a/?x=1&amp;y|see>*", '<strong><a href="https://a/?x=1&amp;y" target="_blank" rel="noopener noreferrer">see</a></strong>'),
        ('<https://a/"onclick="x|y>', '<a href="https://a/&quot;onclick=&quot;x" target="_blank" rel="noopener noreferrer">y</a>'),
        ("\ue0000\ue001 :white_check_mark: :none:", "\ufffd0\ufffd ✅ :none:"),
        ("<!date^x|then> <!date^1^{date_num}|then>", "then <time>1970-01-01</time>"),
    ],
)  # fmt: skip
def test_markup_is_what_slack_marks_up(text: str, html: str) -> None:
    assert marked(text, lambda id: "ana" if id == "U0ANA" else id) == html


def test_plain_text_has_no_markup() -> None:
    assert plain("*a* <https://a> &lt;b&gt; :x:") == "*a* &lt;https://a&gt; &lt;b&gt; ❌"
