"""One mail as bytes: a text and its HTML, for one recipient, under headers that nobody's words can leave.

Words from outside (subject, display names) are made plain first, then stand in a header as printable
ASCII or as encoded words (RFC 2047).  They are written here and not by `email`, which reads what looks
like an encoded word in them as one.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from core import visible
from notifications.mail.server import ADDRESS, Sender, in_ascii

MOST_SUBJECT: Final = 200
MOST_NAME: Final = 100
#: Servers need not take bytes beyond ASCII: bodies are quoted-printable or base64 where they have any.
POLICY: Final = SMTP.clone(cte_type="7bit")
_PLAIN_WORDS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 '_/+-]*")
_ASCII_LINE: Final = re.compile(r"[\x20-\x7e]*")
_ENDED: Final = re.compile(r"<[!-;=?A-~]{1,200}@[!-;=?A-~]{1,250}>")
#: Longer ones are folded.
_ONE_LINE: Final = 60


def build(
    *,
    to: str,
    to_name: str,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    thread: str | None,
    sender: Sender,
    at: datetime,
) -> bytes:
    """One mail, ready for `notifications.mail.client.send`.

    Args:
        to, to_name: the one recipient; the name is shown, made plain, and may be empty.
        subject: made plain, and cut at 200 characters.
        message_id: of this mail, in angle brackets (`message_id`); the same for each try to send it.
        thread: that of the first mail about the same thing; None where this is the first.
        at: when it was written.

    Raises:
        ValueError: the recipient is not one address, or an id is none.
    """
    if ADDRESS.fullmatch(to) is None:
        raise ValueError("`to` is not one address")
    for each in (message_id, *([thread] if thread else [])):
        if _ENDED.fullmatch(each) is None:
            raise ValueError("`message_id` and `thread` are ids in angle brackets")
    headers = [
        f"From: {_mailbox('From', sender.name, sender.address)}",
        f"To: {_mailbox('To', to_name, in_ascii(to))}",
        f"Subject: {_words('Subject', one_line(subject, MOST_SUBJECT))}",
        f"Date: {format_datetime(at)}",
        f"Message-ID: {message_id}",
        # No holiday note answers it (RFC 3834; Exchange).
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
    ]
    if thread and thread != message_id:
        headers += [f"In-Reply-To: {thread}", f"References: {thread}"]
    # Beyond ASCII only where the recipient's own address is; then the server must know SMTPUTF8 anyway.
    return "".join(f"{line}\r\n" for line in headers).encode() + _body(text, html)


def message_id(key: str, sender: Sender) -> str:
    """The id of the mail that `key` names: letters, digits, dots and dashes."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,150}", key) is None:
        raise ValueError("`key` names no mail")
    return f"<{key}@{sender.address.rpartition('@')[2]}>"


def one_line(text: str, most: int) -> str:
    """Somebody's words in one line of at most so many characters, with nothing hidden in them."""
    shown = visible.plain(text, one_line=True).strip()
    if len(shown) <= most:
        return shown
    cut = shown[: most - 1]
    if cut.rfind("⟦") > cut.rfind("⟧"):  # half of a mark says nothing
        cut = cut[: cut.rfind("⟦")]
    return f"{cut.rstrip()}…"


def _body(text: str, html: str) -> bytes:
    message = EmailMessage(policy=POLICY)
    message.set_content(_whole(text))
    message.add_alternative(_whole(html), subtype="html")
    return message.as_bytes()


def _whole(text: str) -> str:
    """The text with halves of surrogate pairs, which no encoding has, replaced."""
    return text.encode("utf-8", "replace").decode()


def _mailbox(header: str, name: str, address: str) -> str:
    shown = one_line(name, MOST_NAME)
    if not shown:
        return address
    words = _words(header, shown, _PLAIN_WORDS)
    # A line with an encoded word has at most 76 characters.
    return f"{words} <{address}>" if words == shown else f"{words}\r\n <{address}>"


def _words(header: str, words: str, plain: re.Pattern[str] = _ASCII_LINE) -> str:
    """Words of one line as a header holds them: as they are where all is plain, else encoded."""
    if len(words) <= _ONE_LINE and plain.fullmatch(words) and "=?" not in words:
        return words
    return Header(words, "utf-8", header_name=header).encode(linesep="\r\n")
