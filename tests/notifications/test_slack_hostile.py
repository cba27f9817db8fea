"""Whatever anybody writes, a card in Slack says it inertly, whole or counted, within Slack's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.visible import marks
from demo.slack.blocks import message_problems, view_problems
from demo.slack.double import Double
from notifications.card import Card, Deciding, Line, Vote
from notifications.slack import blocks
from tests.notifications.cards import card as made
from tests.notifications.cards import ended
from tests.notifications.desk import TEAM, Desk
from tests.notifications.test_slack_deciding import asked
from tests.notifications.test_slack_modals import opened

HOSTILE = (
    "\u202egnihton\u202c",
    "\U000e0041\U000e0070\U000e0070",
    "a\u200bb\u200dc\ufeff",
    "Z" + "\u0301" * 400,
    "one\n\n\nApproved by Ana\nWaiting for nobody",
    "<!channel> <!here> <@U0ANA> <#C0DESK> <https://evil.example|Open the request>",
    "*bold* _it_ ~st~ `code` ```block```",
    ":large_green_circle: :white_check_mark:",
    "> quote\n* list",
    "&lt;!channel&gt; &amp;amp;",
    "p\u0430yp\u0430l",
    "\x00\x07\x1b[31m\r",
    "\u2028\u2029\u0085",
)
#: What only our own words may be: text that Slack reads markup in.
MARKUP = "mrkdwn"


def deciding() -> Deciding:
    channels = frozenset({"slack", "web"})
    return Deciding(
        1, 0, "sha256:" + "0" * 64, channels, {"slack": b"0" * 32}, False, True, True, True
    )


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text object in blocks: its type, and what it says."""
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", MARKUP):
            yield value["type"], value["text"]
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def check(rendered: blocks.Rendered) -> None:
    assert message_problems(rendered.blocks) == []
    assert "<" not in rendered.text
    assert len(rendered.text) <= 4_000
    for kind, said in texts(rendered.blocks):
        assert marks(said) == [] or all(one.kind == "lookalike" for one in marks(said))
        if kind == MARKUP:
            for hostile in ("evil", "<!channel", "<@", "Approved by Ana", "gnihton"):
                assert hostile not in said


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_marked_and_inert_wherever_it_stands(text: str) -> None:
    for one in (
        made(title=text, deciding=deciding()),
        made(lines=(Line(text, text), Line("note", text * 20), Line(text * 30, "x"))),
        made(words=text, agent=text, owner=text, run=text, why=text),
        made(votes=(Vote(text, "approved", text),)),
        ended(outcome=f"By {text}.", became=text, title=text),
    ):
        check(blocks.render(one, UUID(int=7)))
        check(blocks.render(one, UUID(int=7), asks=False))


_text = st.one_of(
    st.text(max_size=400),
    st.sampled_from(HOSTILE),
    st.integers(1, 6_000).map("x".__mul__),
    st.integers(1, 600).map("\u200b\u200c".__mul__),
    st.integers(1, 600).map("\n\u0430".__mul__),
)
_line = st.builds(Line, _text, _text, st.sampled_from(["", "covered", "number"]))
_cards = st.builds(
    made,
    title=_text.map(lambda text: text[:300]),
    lines=st.lists(_line, max_size=75).map(tuple),
    words=_text,
    agent=_text.map(lambda text: text[:120]),
    owner=_text.map(lambda text: text[:120]),
    run=_text.map(lambda text: text[:120]),
    why=_text,
    votes=st.lists(st.builds(Vote, _text, st.just("approved"), _text), max_size=5).map(tuple),
    kind=st.sampled_from(["request", "question"]),
    risk=st.sampled_from(["low", "medium", "high", "critical"]),
    deciding=st.sampled_from([None, deciding()]),
)


@settings(max_examples=60, deadline=None)
@given(_cards)
def test_every_card_is_one_that_slack_takes(card: Card) -> None:
    rendered = blocks.render(card, UUID(int=7))
    check(rendered)
    said = [text for _, text in texts(rendered.blocks)]
    if rendered.whole:
        whole = "\n".join(said)
        for line in card.lines:
            assert blocks._written(line).partition(":\n")[2] in whole
            assert blocks._pair(line)[0] in whole
    elif card.deciding is not None:
        assert not [s for s in said if s in ("Approve", "Change and approve…")]
        assert any("do not fit here" in s or "Cut here" in s for s in said)


@settings(max_examples=40, deadline=None)
@given(_text)
def test_every_sentence_to_one_person_is_one_that_slack_takes(text: str) -> None:
    told = blocks.told(text, ("Open the request", "http://127.0.0.1:8750/requests/req_1"))
    assert message_problems(told["blocks"]) == []
    assert "<" not in told["text"]
    assert message_problems(blocks.reply(text)["blocks"]) == []
    view = {"type": "modal", "title": {"type": "plain_text", "text": "A"}, "blocks": told["blocks"]}
    assert view_problems(view, "modal") == []


def test_from_the_agent_to_the_channel_nothing_of_it_is_read_for_markup(double: Double) -> None:
    desk = Desk(double)
    desk.bind("ana", "U0ANA")
    text = " ".join(one for one in HOSTILE if "\x00" not in one and "\n" not in one)
    payload = {"amount": 20, text[:200]: text, "list": [text, {"inner": text}]}
    request, card = asked(desk, payload=payload, summary=text)
    desk.world.decide("ana", request, "return", comment=text)
    desk.world.say(request, text)
    desk.work(request)
    desk.settle()
    view = opened(desk, card, "Reject…")
    assert double.submit(view, {"comment": text}).body == ""
    desk.settle()
    desk.work(request)
    there = list(double.team(TEAM).channels.values())
    said = [one for channel in there for one in channel.messages.values() if one.bot]
    assert len(said) > 3
    for message in said:
        assert "<" not in message.text
        for kind, words in texts(message.blocks):
            assert kind == "plain_text" or "evil" not in words
        assert "\u202e" not in json.dumps(message.blocks, ensure_ascii=False)
    assert not double.violations
