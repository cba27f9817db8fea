"""From cards to mails: a subject, a text, and HTML that says exactly the same.  Pure.

Words from outside are made plain first (`core.visible`), so that both say them alike, and are cut only
with a count of what is left out; the page has the whole.  In the text every line of somebody's words
begins with a mark of ours, so that none of them passes for a line of the mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string

from core import durations, visible
from notifications.card import Card, Line, Vote
from notifications.mail.message import MOST_SUBJECT, one_line

#: What a mail shows of each, in characters.
MOST_TITLE: Final = 300
MOST_LABEL: Final = 100
MOST_VALUE: Final = 1000
MOST_WORDS: Final = 2000
MOST_WHY: Final = 1000
MOST_COMMENT: Final = 300
MOST_VOTES: Final = 10
MOST_CARDS: Final = 30
#: Some readers show the first 102 KB of the HTML: all values together, and the table around one.
MOST_BYTES: Final = 45_000
ROW_BYTES: Final = 450


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail's content."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Said:
    """Words from outside: their lines, made plain, and how many characters are left out."""

    lines: tuple[str, ...]
    left: int

    @property
    def line(self) -> str:
        """The same where it is one line."""
        return " ".join(self.lines)

    @property
    def quoted(self) -> str:
        """As a text quotes somebody."""
        return "\n".join(f"> {line}".rstrip() for line in self.lines)

    @property
    def barred(self) -> str:
        """As a text shows a value: no line of it passes for a label or for a line of ours."""
        return "\n".join(f"    | {line}".rstrip() for line in self.lines)

    @property
    def rest(self) -> str:
        """What is left out, in words; empty where it is whole."""
        if not self.left:
            return ""
        return f"({self.left:,} character{'s' * (self.left != 1)} more on its page)"


@dataclass(frozen=True, slots=True)
class Value:
    """One value under its label."""

    label: Said
    note: str
    said: Said


@dataclass(frozen=True, slots=True)
class Voted:
    """What somebody said so far."""

    name: Said
    said: str
    comment: Said


def asked(card: Card, link: str, now: datetime, *, lead: str = "", prefix: str = "") -> Rendered:
    """That somebody is asked: everything a decision needs, and one link to where it is made.

    Args:
        lead: a sentence of ours that stands first: why it is told once more, or to them.
        prefix: what the subject begins with then.
    """
    values, left = _values(card.lines)
    return _mail(
        "asked",
        f"{prefix}: {_subject(card)}" if prefix else _subject(card),
        **_head(card),
        values=values,
        values_left=left,
        words=said(card.words, MOST_WORDS),
        why=said(card.why, MOST_WHY),
        steps=[(said(step.asked, MOST_LABEL), step.given, step.needed) for step in card.steps],
        until=instant(card.expires_at),
        left=_left(card, now),
        at_deadline=said(card.at_deadline, MOST_COMMENT),
        run=said(card.run, MOST_LABEL),
        link=link,
        lead=lead,
    )


def outcome(card: Card, link: str, now: datetime) -> Rendered:
    """How it ended, in the thread of the mail that asked; `now` is when the mail is written."""
    return _mail(
        "outcome",
        f"Re: {_subject(card)}",
        **_head(card),
        outcome=said(card.outcome, MOST_WORDS),
        became=said(card.became, MOST_WORDS),
        as_of=instant(now),
        link=link,
    )


def gathered(cards: Sequence[Card], now: datetime) -> Rendered:
    """Several that wait, the most pressing first, each with a link to its page."""
    ordered = sorted(cards, key=lambda card: (card.priority, card.expires_at))
    count = len(ordered)
    many = "1 request waits" if count == 1 else f"{count} requests wait"
    return _mail(
        "gathered",
        f"{many} for you",
        many=many,
        cards=[
            {**_head(card), "until": instant(card.expires_at), "left": _left(card, now)}
            | {"link": card.url}
            for card in ordered[:MOST_CARDS]
        ],
        cards_left=max(0, count - MOST_CARDS),
        link=f"{settings.BASE_URL}/",
    )


def test(text: str) -> Rendered:
    """A try whether mail arrives."""
    return _mail("test", "A test of Assentry's mail", said=said(text, MOST_WORDS))


def alarm(text: str) -> Rendered:
    """That something does not work, to those who can mend it."""
    return _mail("alarm", "Assentry needs you", said=said(text, MOST_WORDS))


def drill(text: str) -> Rendered:
    """That somebody shall say that they are there."""
    return _mail("alarm", "Drill: are you there?", said=said(text, MOST_WORDS))


def account(
    kind: str, *, workspace: str, by: str, email: str, link: str, until: datetime | None
) -> Rendered:
    """An invitation, a notice of one, or a password to be reset (`people.models.AccountLink.Kind`).

    Args:
        workspace: what it calls itself; empty where it is about no workspace.
        by: who invited or sent it; empty: nobody whom we may name.
        until: when the link ends; None: it needs none.
    """
    subject = {
        "invitation": "Your invitation to Assentry",
        "notice": "You are in another workspace of Assentry now",
        "reset": "Set a new password for Assentry",
    }[kind]
    return _mail(
        "account",
        subject,
        kind=kind,
        workspace=_line(workspace, MOST_LABEL),
        by=_line(by, MOST_LABEL),
        email=_line(email, MOST_TITLE),
        link=link,
        until="" if until is None else instant(until),
    )


#: What a warning says, by what it is about (`people.models.AccountLink.About`).
WARNINGS: Final[Mapping[str, str]] = {
    "password": "The password was changed.",
    "totp": "An authenticator app was set up as a second factor.",
    "passkey": "A passkey was added.",
    "factor_gone": "A second factor was taken away.",
    "factors_gone": "Whoever runs this server took all second factors away.",
    "codes": "New recovery codes were made. Those of before are worth nothing any more.",
    "code_used": "A recovery code was used in place of a second factor.",
    "linked": "The account was linked with somebody at the identity provider.",
    "unlinked": "The account is no longer linked with anybody at the identity provider.",
}


def warning(about: str, *, email: str, at: datetime, password: bool) -> Rendered:
    """That something of how somebody signs in was changed (`people.models.AccountLink.About`).

    Args:
        at: when it was changed.
        password: whether they have one here; else they sign in at a provider, which is where to change it.
    """
    return _mail(
        "warning",
        "Your sign-in to Assentry was changed",
        what=WARNINGS[about],
        email=_line(email, MOST_TITLE),
        at=instant(at),
        link=f"{settings.BASE_URL}/settings/security",
        reset=f"{settings.BASE_URL}/forgot-password" if password else "",
    )


def said(text: str, most: int) -> Said:
    """Words of several lines, of at most so many characters as they are shown."""
    shown, left = cut(text, most)
    return Said(tuple(shown.split("\n")) if shown else (), left)


def cut(text: str, most: int, *, one_line: bool = False) -> tuple[str, int]:
    """The beginning of a text with what hides made plain, and how many characters of it are left out."""
    shown: list[str] = []
    room, taken = most, 0
    for piece in visible.segments(text, one_line=one_line):
        if piece.mark is None:
            part = piece.text[:room]
            written, used = part, len(part)
        else:
            mark = f"⟦{piece.mark}⟧"
            written = mark if piece.kind == "hidden" else piece.text + mark
            used = len(piece.text)
            if len(written) > room:  # half of a mark says nothing
                break
        shown.append(written)
        room, taken = room - len(written), taken + used
        if used < len(piece.text):
            break
    return "".join(shown), len(text) - taken


def instant(at: datetime) -> str:
    """A moment as a mail has it, which may be read on another day and in another place."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _mail(name: str, subject: str, **context: Any) -> Rendered:
    values = {"subject": subject, **context}
    return Rendered(
        subject,
        render_to_string(f"mail/{name}.txt", values).strip() + "\n",
        render_to_string(f"mail/{name}.html", values),
    )


def _subject(card: Card) -> str:
    """The risk stands first, where no title can push it out; the rest is the same in each mail of a thread."""
    kind = "Question" if card.kind == "question" else f"{card.risk.capitalize()} risk"
    # Room for “Re: ”, with which it must be the same subject still.
    return f"{kind}: {one_line(card.title, MOST_SUBJECT - len(kind) - 6)}"


def _head(card: Card) -> dict[str, Any]:
    votes = card.votes[-MOST_VOTES:]
    return {
        "heading": card.heading,
        "kind": card.kind,
        "risk": card.risk,
        "title": _line(card.title, MOST_TITLE),
        "action": card.action,
        "shown_id": card.shown_id,
        "agent": _line(card.agent, MOST_LABEL),
        "owner": _line(card.owner, MOST_LABEL),
        "workspace": _line(card.workspace_name, MOST_LABEL),
        "votes": [_voted(vote) for vote in votes],
        "votes_left": len(card.votes) - len(votes),
    }


def _line(text: str, most: int) -> Said:
    shown, left = cut(text, most, one_line=True)
    return Said((shown,) if shown else (), left)


def _voted(vote: Vote) -> Voted:
    return Voted(_line(vote.name, MOST_LABEL), vote.said, said(vote.comment, MOST_COMMENT))


def _values(lines: Iterable[Line]) -> tuple[list[Value], int]:
    """The values that fit, in their order, and how many do not."""
    listed = list(lines)
    shown: list[Value] = []
    room = MOST_BYTES
    for line in listed:
        value = Value(_line(line.label, MOST_LABEL), line.note, said(line.text, MOST_VALUE))
        room -= ROW_BYTES + _weight(value.label) + _weight(value.said)
        if room < 0:
            break
        shown.append(value)
    return shown, len(listed) - len(shown)


def _weight(words: Said) -> int:
    return len(escape("\n".join(words.lines)).encode()) + len("<br>") * len(words.lines)


def _left(card: Card, now: datetime) -> str:
    return durations.span(card.expires_at - now)
