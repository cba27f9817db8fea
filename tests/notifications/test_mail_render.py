"""From a card to a mail: what is said, that text and HTML say the same (EM-06), and that words stay words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from core import visible
from notifications.card import Line, Step, Vote
from notifications.mail import render
from notifications.mail.message import build, message_id
from notifications.mail.render import Rendered, cut, said
from notifications.mail.server import Sender
from tests.notifications.cards import NOW, card, ended

LINK = "https://approvals.shop.example/m/0123456789abcdef"
BIDI = "\N{RIGHT-TO-LEFT OVERRIDE}"
ZERO = "\N{ZERO WIDTH SPACE}"

HOSTILE = [
    "<img src=http://evil.example/x>",
    '<a href="http://evil.example/">Open the request</a>',
    "</td></tr></table><form action=http://evil.example><button>Approve",
    "<style>.go{display:none}</style>",
    "<!--[if mso]><p>Approved</p><![endif]-->",
    "<![CDATA[x]]> &lt;b&gt; &amp;",
    "http://evil.example/approve",
    "\r\n\r\nOpen the request\r\nhttp://evil.example/",
    "x\n\nOpen the request\nhttp://evil.example/",
    "x\n> quoted\n    | barred",
    f"safe{BIDI}txt.exe",
    f"pay{ZERO}pal",
    "pаypal",  # its second letter is Cyrillic
    "\u2028\u2029\u0085\x0b\x0c",
    "\ud800",
    "{{ link }} {% include 'x' %}",
    "%s %(x)s {0}",
]


class Parts(HTMLParser):
    """What a reader shows of HTML as a sequence of words, and the addresses that it would call."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self._hidden = False
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self._hidden = self._hidden or tag in {"style", "title"}
        if tag == "a":
            self._link = dict(attrs)["href"] or ""
            self.links.append(self._link)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = self._hidden and tag not in {"style", "title"}
        if tag == "a":  # where the text writes it out
            self.words.append(self._link)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


def read(html: str) -> Parts:
    parts = Parts()
    parts.feed(html)
    parts.close()
    return parts


def spoken(text: str) -> str:
    """A mail's text without the marks that it sets before others' lines."""
    return re.sub(r"^(> ?|    \| ?|- )", "", text, flags=re.MULTILINE)


def same(mail: Rendered) -> None:
    """Text and HTML say the same, in the same order."""
    assert "".join(read(mail.html).words) == "".join(spoken(mail.text).split())


def asked(**more: Any) -> Rendered:
    return render.asked(card(**more), LINK, NOW)


# -- what is said --------------------------------------------------------------------------------------


def test_whoever_is_asked_has_all_they_need() -> None:
    mail = asked()
    assert mail.subject == "High risk: Refund 129.00 EUR of order A-1029"
    for fact in (
        "Waiting for a decision. High risk.",
        "Refund 129.00 EUR of order A-1029\n",
        "  Amount\n    | 129.00\n",
        "  Card (covered)\n    | •••• 4242\n",
        "  note (empty text)\n    (empty)\n",
        "  customer › address\n    | Große Straße 1\n    | 10115 Berlin\n",
        "which nobody checked:\n> The parcel never arrived.\n> The customer is upset.\n",
        "Rule “Large refunds” (policy version 3).",
        "- Support: 1 of 1 given\n- Finance or Board: 1 of 2 given\n",
        "- Ben approved:\n> Seen the tracking.\n- Caro approved\n",
        "Until 27 Nov 2026, 12:05 UTC (2 h 5 min, when this was written). Then it expires:",
        f"Open the request\n{LINK}\n",
        "This link only opens a page; nothing is decided by opening it.",
        "Agent support-bot, of Olga Owner, in run run-17.",
        "payments.refund, req_01jdexample, in Acme.",
    ):
        assert fact in mail.text, fact


def test_facts_come_first_and_the_agents_words_after_them() -> None:
    for text in (asked().text, " ".join(read(asked().html).words)):
        at = [text.index(part) for part in ("129.00", "nobody checked", "Why it is", "Time left")]
        assert at == sorted(at)


def test_how_it_ended_answers_the_mail_that_asked() -> None:
    first, last = asked(), render.outcome(ended(), ended().url, NOW)
    assert last.subject == f"Re: {first.subject}"
    for fact in ("Approved\n", "By Ben, Caro.", "Told as succeeded.", "As of 27 Nov 2026, 10:00"):
        assert fact in last.text
    assert read(last.html).links == [ended().url]
    same(last)


def test_a_question_is_called_one() -> None:
    mail = asked(kind="question", title="Which carrier?", lines=())
    assert mail.subject == "Question: Which carrier?"
    assert "Open the question" in mail.text
    assert "risk" not in mail.text
    same(mail)


def test_several_that_wait_stand_in_one_mail_the_most_pressing_first() -> None:
    cards = [
        card(title="later", risk="low"),
        card(title="first", risk="critical"),
        card(title="second", risk="low", expires_at=NOW + timedelta(minutes=5)),
    ]
    mail = render.gathered(cards, NOW)
    assert mail.subject == "3 requests wait for you"
    assert re.findall(r"^(first|second|later)$", mail.text, re.MULTILINE) == [
        *("first", "second", "later")
    ]
    same(mail)
    many = render.gathered([card()] * 45, NOW)
    assert many.text.count("req_01jdexample\n") == 2 * render.MOST_CARDS
    assert "15 more not in this mail." in many.text
    same(many)
    assert render.gathered(cards[:1], NOW).subject == "1 request waits for you"


def test_a_test_says_so() -> None:
    mail = render.test("Sent by Ana <ana@shop.example>.")
    assert mail.subject == "A test of Assentry's mail"
    assert "> Sent by Ana <ana@shop.example>." in mail.text
    same(mail)
    assert "It arrived." in render.test("").text


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"words": ""},
        {"lines": ()},
        {"votes": (), "steps": (), "run": ""},
        {"why": ""},
        {"title": ""},
        {"words": "a" * 9000},
        {"lines": tuple(Line(f"k{n}", "v" * 900) for n in range(200))},
        {"votes": tuple(Vote(f"P{n}", "approved", "c" * 900) for n in range(30))},
    ],
)
def test_text_and_html_say_the_same(more: dict[str, Any]) -> None:
    same(asked(**more))
    same(render.outcome(ended(**more), ended().url, NOW))


def test_words_stand_apart_where_commas_follow_names() -> None:
    assert re.search(r"</bdi>\s+[,.:]", asked().html) is None
    assert "support-bot</bdi>, of" in asked().html


# -- others' words -------------------------------------------------------------------------------------


def everywhere(words: str) -> dict[str, Any]:
    """A card with the same words in each place that somebody else writes."""
    return {
        "title": words,
        "lines": (Line(words, words, ""), Line("plain", words)),
        "words": words,
        "why": words,
        "steps": (Step(words, 1, 0),),
        "votes": (Vote(words, "approved", words),),
        "at_deadline": words,
        "agent": words,
        "owner": words,
        "run": words,
        "workspace_name": words,
        "outcome": words,
        "became": words,
    }


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:40])
def test_words_stay_words(words: str) -> None:
    usual = read(asked().html)
    for mail, link, ordinary in (
        (asked(**everywhere(words)), LINK, usual),
        (
            render.outcome(ended(**everywhere(words)), LINK, NOW),
            LINK,
            read(render.outcome(ended(), LINK, NOW).html),
        ),
        (render.gathered([card(**everywhere(words))], NOW), None, usual),
    ):
        parts = read(mail.html)
        assert set(parts.tags) <= set(ordinary.tags)
        assert {"img", "form", "script", "iframe", "object", "link"} & set(parts.tags) == set()
        assert "evil.example" not in "".join(parts.links)
        if link:
            assert parts.links == [link], "one link, and it is ours"
        assert "<!--" not in mail.html
        assert visible.marks(mail.text) == [] or "а" in words
        assert "⟦" in mail.text or not visible.marks(words, one_line=True)
        same(mail)


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:40])
def test_no_line_of_anybody_passes_for_one_of_ours(words: str) -> None:
    many = {name: everywhere(words)[name] for name in ("lines", "words", "steps", "votes")}
    ours = set(asked(lines=(), words="", steps=(), votes=()).text.split("\n"))
    lines = asked(**many).text.split("\n")
    assert lines.count("Open the request") == 1
    assert lines.count(LINK) == 1
    theirs = [line for line in lines if line not in ours]
    told = ("What would run", "The agent's own words, which nobody checked:")
    assert all(line.startswith((">", "    ", "- ", "  ", *told)) for line in theirs), theirs


def test_the_same_mail_goes_through_the_builder() -> None:
    sender = Sender("Assentry", "assentry@shop.example")
    for words in HOSTILE:
        mail = asked(**everywhere(words))
        raw = build(
            to="ana@shop.example",
            to_name="Ana",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            message_id=message_id("ntf.1", sender),
            thread=None,
            sender=sender,
            at=NOW,
        )
        assert raw.isascii()


def test_nothing_is_loaded_from_elsewhere() -> None:
    for mail in (asked(), render.outcome(ended(), LINK, NOW), render.gathered([card()], NOW)):
        parts = read(mail.html)
        assert {"src", "srcset", "background", "action", "poster", "data"}.isdisjoint(
            parts.attributes
        )
        assert "url(" not in mail.html
        assert "@import" not in mail.html
        assert "script" not in parts.tags


# -- what is left out ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("", 5, ("", 0)),
        ("abcde", 5, ("abcde", 0)),
        ("abcdef", 5, ("abcde", 1)),
        (f"ab{BIDI}cd", 100, ("ab⟦U+202E⟧cd", 0)),
        (f"ab{BIDI}cd", 9, ("ab", 3)),
        (f"ab{BIDI}cd", 10, ("ab⟦U+202E⟧", 2)),
        (f"ab{BIDI}cd", 11, ("ab⟦U+202E⟧c", 1)),
        (BIDI * 5000, 12, ("", 5000)),
        (BIDI * 5000, 40, ("⟦U+202E ×5000⟧", 0)),
    ],
)
def test_a_text_is_cut_between_marks_and_what_is_left_is_counted(
    text: str, most: int, expected: tuple[str, int]
) -> None:
    assert cut(text, most) == expected


def test_a_long_value_is_cut_with_its_count() -> None:
    mail = asked(lines=(Line("body", "x" * 5000),), words="y" * 2001, title="z" * 400)
    assert "(4,000 characters more on its page)" in mail.text
    assert "(1 character more on its page)" in mail.text
    assert "(100 characters more on its page)" in mail.text
    assert len(mail.subject) <= 196
    same(mail)


@pytest.mark.parametrize(("count", "fit"), [(40, True), (97, True), (98, False), (500, False)])
def test_values_that_do_not_fit_are_counted(count: int, fit: bool) -> None:
    mail = asked(lines=tuple(Line(f"k{number}", "v") for number in range(count)))
    listed = len(re.findall(r"^  k\d+$", mail.text, re.MULTILINE))
    left = count - listed
    assert (left == 0) == fit
    assert listed >= min(count, 90)
    told = f"{left} more value{'s' * (left != 1)} not in this mail: see its page."
    assert (told in mail.text) == (left > 0)
    same(mail)


@pytest.mark.parametrize("char", ["v", "<", BIDI + "a", "\n", "'"])
def test_no_mail_is_so_long_that_its_link_is_cut_off(char: str) -> None:
    """Some readers show the first 102 KB of a mail's HTML."""
    words = char * 20_000
    hostile = card(
        **{
            **everywhere(words),
            "lines": tuple(Line(words, words) for _ in range(300)),
            "votes": tuple(Vote(words, "approved", words) for _ in range(300)),
        }
    )
    mail = render.asked(hostile, LINK, NOW)
    assert mail.html.encode().find(LINK.encode()) < 102_000
    assert "not in this mail" in mail.text
    same(mail)


def test_said_keeps_its_lines() -> None:
    assert said("a\nb", 10).lines == ("a", "b")
    assert said("", 10).lines == ()
    assert replace(said("a\nb", 10)).quoted == "> a\n> b"
