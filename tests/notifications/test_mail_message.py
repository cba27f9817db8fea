"""A mail's bytes: one recipient and the same headers, whatever words stand in them (EM-05)."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import Any

import pytest

from core import visible
from notifications.mail.client import Client
from notifications.mail.message import build, message_id, one_line
from notifications.mail.server import Sender
from tests.notifications.postbox import opened

SENDER = Sender("Assentry", "assentry@shop.example")
NAMES = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("MIME-Version", "Content-Type"),
]
LONG = "Refund " + "ä" * 5000

HOSTILE = [
    "Refund A-1029",
    "x\r\nBcc: evil@x.example",
    "x\nBcc: evil@x.example\n\nbody",
    "x\rBcc: evil@x.example",
    "x\u2028Bcc: evil@x.example",
    "x\u0085Bcc: evil@x.example\x0b\x0c\x1c\x1d\x1e",
    "x\x00y",
    "=?utf-8?b?eA0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
    "=?utf-8?q?x=0D=0ABcc:_evil@x.example?=",
    "a =?utf-8?q?=61?= =?utf-8?q?=62?= b",
    "=?utf-8?b?",
    "=?UTF-8?Q?" + "=61" * 300 + "?=",
    "x" * 5000,
    LONG,
    "a " * 2500,
    '"CEO" <ceo@shop.example>',
    "ceo@shop.example, evil@x.example",
    "ceo <evil@x.example>; group: a@x.example, b@x.example;",
    '\\" <evil@x.example>',
    "(comment) name",
    "\u202egnp.exe",
    "\ud800",
    "Größe 日本語 🎉",
    "",
    "   ",
]


def made(**more: Any) -> bytes:
    fields = {
        "to": "ana@shop.example",
        "to_name": "Ana",
        "subject": "Refund A-1029",
        "text": "Text.\n",
        "html": "<p>Text.</p>\n",
        "message_id": "<one@shop.example>",
        "thread": None,
        "sender": SENDER,
        "at": datetime(2026, 11, 27, 3, 0, tzinfo=UTC),
    }
    return build(**{**fields, **more})


def parsed(raw: bytes) -> tuple[EmailMessage, Message]:
    """The mail as two parsers see it: one knows the standards, one what was there before them."""
    return message_from_bytes(raw, policy=policy.default), message_from_bytes(raw)


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:40])
@pytest.mark.parametrize("field", ["subject", "to_name", "sender"])
def test_words_leave_no_header(field: str, words: str) -> None:
    value = Sender(words, SENDER.address) if field == "sender" else words
    raw = made(**{field: value})
    modern, old = parsed(raw)
    head = raw.split(b"\r\n\r\n")[0]
    assert [name for name, _ in old.raw_items()] == NAMES
    assert modern.keys() == NAMES
    assert head.isascii()
    assert head.replace(b"\r\n", b"").find(b"\n") == -1
    assert head.replace(b"\r\n", b"").find(b"\r") == -1
    assert max(map(len, head.split(b"\r\n"))) <= 78
    for header, address in (("To", "ana@shop.example"), ("From", "assentry@shop.example")):
        (found,) = modern[header].addresses
        assert found.addr_spec == address
        assert [spec for _, spec in getaddresses([old[header]])] == [address]
    subject = str(make_header(decode_header(old["Subject"])))
    assert len(subject) <= 200
    assert visible.marks(subject, one_line=True) == [] or "=?" in words
    if field == "subject":
        assert subject == one_line(words, 200)
        assert modern["Subject"] == subject


def test_a_name_is_shown_as_it_is_called() -> None:
    modern, old = parsed(made(to_name='"CEO" <a@b>', sender=Sender("Größe", "a@shop.example")))
    assert modern["To"].addresses[0].display_name == '"CEO" <a@b>'
    assert modern["From"].addresses[0].display_name == "Größe"
    assert "<a@b>" not in old["To"], "readers that know no encoded words find one address"
    assert parsed(made(to_name=""))[1]["To"] == "ana@shop.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Refund", "Refund"),
        ("a\r\nb", "a⟦U+000D⟧⟦U+000A⟧b"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("x" * 195 + "\u202e\u202eyyy", "x" * 195 + "…"),
        (" a ", "a"),
    ],
)
def test_one_line_of_so_many_characters(text: str, expected: str) -> None:
    assert one_line(text, 200) == expected


def test_a_mail_has_text_and_html_and_belongs_to_its_thread() -> None:
    text = "Größe 🎉\n.\nFrom here\n" + "a" * 2000 + "\n"
    html = "<p>Größe 🎉</p>\n" + "b" * 2000 + "\n"
    raw = made(text=text, html=html, message_id="<two@shop.example>", thread="<one@shop.example>")
    assert raw.isascii(), "any server takes it"
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    modern, _old = parsed(raw)
    assert modern.get_content_type() == "multipart/alternative"
    plain, rich = modern.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().replace("\r\n", "\n") == text
    assert rich.get_content().replace("\r\n", "\n") == html
    assert modern["Message-ID"] == "<two@shop.example>"
    assert modern["In-Reply-To"] == modern["References"] == "<one@shop.example>"
    assert modern["Auto-Submitted"] == "auto-generated"
    assert modern["X-Auto-Response-Suppress"] == "All"
    assert modern["Date"].datetime == datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def test_half_of_a_surrogate_pair_is_no_reason_to_send_nothing() -> None:
    plain, rich = parsed(made(text="a\ud800b\n", html="<p>a\ud800b</p>\n"))[0].iter_parts()
    assert plain.get_content() == "a?b\r\n"
    assert rich.get_content() == "<p>a?b</p>\r\n"


@pytest.mark.parametrize("thread", [None, "", "<one@shop.example>"])
def test_the_first_mail_of_a_thread_answers_nothing(thread: str | None) -> None:
    modern, _old = parsed(made(thread=thread))
    assert modern["In-Reply-To"] is modern["References"] is None


@pytest.mark.parametrize(
    "more",
    [
        {"to": "a@x.example, b@x.example"},
        {"to": "a@x.example\r\nBcc: b@x.example"},
        {"to": "Ana <a@x.example>"},
        {"to": ""},
        {"message_id": "<a@b>\r\nBcc: b@x.example"},
        {"message_id": "a@b"},
        {"message_id": "<a b@c>"},
        {"thread": "<a@b> <c@d>"},
        {"thread": "<a@b>\n"},
    ],
)
def test_an_address_or_id_that_is_none_is_refused(more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="`"):
        made(**more)


def test_an_id_is_the_same_for_each_try() -> None:
    assert message_id("ntc_1.2-a", SENDER) == "<ntc_1.2-a@shop.example>"
    assert parsed(made(message_id=message_id("n", Sender("", "a@[192.0.2.1]"))))[0]["Message-ID"]
    for key in ("", "a b", "a@b", "a>", "ä", "x" * 151):
        with pytest.raises(ValueError, match="key"):
            message_id(key, SENDER)


def test_it_arrives_as_it_was_made_also_beyond_ascii() -> None:
    client = Client()
    with opened(enable_SMTPUTF8=True) as box:
        for to in ("ana@größe.example", "größe@größe.example"):
            raw = made(to=to)
            client.send(server=box.server(), sender=SENDER, message=raw, to=to)
            assert box.mails[-1].raw == raw
            assert len(box.mails[-1].message["To"].addresses) == 1
        client.close()
    first, second = box.mails
    assert first.raw.isascii()
    assert first.to == ["ana@xn--gre-6ka8i.example"]
    assert "To: Ana <größe@xn--gre-6ka8i.example>\r\n".encode() in second.raw
