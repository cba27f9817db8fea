"""A card in Slack's Block Kit (https://docs.slack.dev/reference/block-kit/blocks).

Whatever anybody else wrote stands in ``plain_text`` objects, in which Slack reads no markup: only our
own words are ``mrkdwn``.  A payload that does not fit is cut with a count, and then a yes is not
offered: nobody approves in Slack what they cannot see there whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core import ids
from core.visible import plain
from notifications.card import Card, Line

Block = dict[str, Any]

#: Slack's own limits: a header, a section's text, a field, a button's label.
HEADER: Final = 150
SECTION: Final = 3_000
FIELD: Final = 2_000
#: So many values and characters are shown; what is more is counted.
MOST_LINES: Final = 60
MOST_CHARACTERS: Final = 9_000
#: Values of several lines, or long ones, take a section of their own; a message has 50 blocks.
MOST_ALONE: Final = 8
FIELDS_OF_SECTION: Final = 10

RISKS: Final = {
    "critical": ":red_circle: *Critical risk*",
    "high": ":large_orange_circle: *High risk*",
    "medium": ":large_yellow_circle: *Medium risk*",
    "low": ":white_circle: *Low risk*",
}
#: action_id → what its button says.
APPROVE: Final = "assentry.approve"
REJECT: Final = "assentry.reject"
RETURN: Final = "assentry.return"
EDIT: Final = "assentry.edit"
ANSWER: Final = "assentry.answer"
OPEN: Final = "assentry.open"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message for Slack: ``text`` is what a notification shows; ``whole`` whether nothing was cut."""

    blocks: list[Block]
    text: str
    whole: bool


def render(card: Card, notification: UUID, *, asks: bool = True) -> Rendered:
    """The card of one notification.

    Args:
        asks: whether this copy is the one that asks; an older one, of an earlier stage, does not.
    """
    facts, whole = _facts(card.lines)
    blocks = [
        {"type": "header", "text": _plain(_cut(_line(_title(card)), HEADER))},
        _state(card, asks=asks),
        *(
            []
            if len(_line(_title(card))) <= HEADER
            else [_section(_cut(_line(card.title), SECTION))]
        ),
        *facts,
    ]
    if not whole:
        left = len(card.lines) - _shown(card.lines)
        said = f"{left} more of {len(card.lines)} values do not fit here" if left else "Cut here"
        blocks.append(_context(_ours(f"*{said}*: open the request to see all of it.")))
    blocks += _words(card)
    blocks.append(_context(_plain(_cut(_line(card.why), SECTION))))
    blocks += _progress(card)
    if card.pending and asks:
        blocks += _asking(card, notification, whole=whole)
    else:
        blocks.append({"type": "actions", "elements": [_open(card)]})
    return Rendered(blocks, escape(_line(_notice(card))), whole)


def reply(text: str) -> dict[str, Any]:
    """Words of the conversation, under a card: as text that is not read for markup."""
    return {"text": escape(plain(text)), "blocks": [_section(_cut(plain(text), SECTION))]}


def told(text: str, link: tuple[str, str] | None = None) -> dict[str, Any]:
    """A sentence to somebody, whoever else's words are in it: as text that is not read for markup.

    Args:
        link: what stands on a button beneath, and where it leads.
    """
    whole = text if link is None else f"{text} {link[1]}"
    blocks = [_section(_cut(plain(text), SECTION))]
    if link is not None:
        blocks.append({"type": "actions", "elements": [link_button(*link)]})
    return {"text": escape(plain(whole)), "blocks": blocks}


def link_button(label: str, url: str) -> dict[str, Any]:
    """A button that only opens a page."""
    return {"type": "button", "text": _plain(label), "action_id": OPEN, "url": url}


def escape(text: str) -> str:
    """Text for a place in which Slack would read links and mentions (&, < and > are all it takes)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def button_value(notification: UUID, digest: bytes) -> str:
    """What a button carries: an opaque id and the digest of what is shown, nothing else."""
    return f"{ids.encode('ntf', notification)}.{digest.hex()}"


def read_button(value: str) -> tuple[UUID, bytes]:
    """The id and the digest that a button carried.

    Raises:
        ValueError: it is none of ours.
    """
    notification, _, digest = value.partition(".")
    found = bytes.fromhex(digest)
    if len(found) != 32 or found.hex() != digest:
        raise ValueError("not a digest")
    return ids.decode("ntf", notification), found


def _title(card: Card) -> str:
    return card.title or card.action


def _notice(card: Card) -> str:
    if card.pending:
        return f"{card.heading} ({card.risk} risk): {card.title}"
    return f"{card.heading}: {card.title}"


def _state(card: Card, *, asks: bool) -> Block:
    if not card.pending:
        return _context(
            _ours(f"*{_safe(card.heading)}*"), _plain(_cut(_line(card.outcome or " "), FIELD))
        )
    waits = card.heading if asks else "It has moved on: a newer message asks"
    about = f"{card.agent}, of {card.owner}" + (f", run {card.run}" if card.run else "")
    return _context(
        _ours(f"{RISKS[card.risk]} · {_safe(waits)}"),
        _plain(_cut(_line(f"{card.action} · {about}"), FIELD)),
    )


def _facts(lines: Sequence[Line]) -> tuple[list[Block], bool]:
    """Sections of pairs, label beside value; and whether every value stands there whole."""
    shown = _shown(lines)
    blocks: list[Block] = []
    fields: list[dict[str, Any]] = []
    for line in lines[:shown]:
        label, value = _pair(line)
        if _alone(line):
            blocks += _flush(fields)
            blocks.append(_section(_cut(f"{label}:\n{value}", SECTION)))
            continue
        fields += [_plain(label), _plain(value or "(empty)")]
        if len(fields) == FIELDS_OF_SECTION:
            blocks += _flush(fields)
    blocks += _flush(fields)
    whole = shown == len(lines) and all(len(_written(line)) <= SECTION for line in lines)
    return blocks, whole


def _shown(lines: Sequence[Line]) -> int:
    """How many of these values are shown."""
    left = MOST_CHARACTERS
    alone = 0
    for number, line in enumerate(lines):
        alone += _alone(line)
        left -= min(len(_written(line)), SECTION)
        if number >= MOST_LINES or left < 0 or alone > MOST_ALONE:
            return number
    return len(lines)


def _alone(line: Line) -> bool:
    """Whether a value takes a section of its own: several lines, or too long to stand beside its label."""
    label, value = _pair(line)
    return "\n" in value or len(value) > FIELD or len(label) > FIELD


def _written(line: Line) -> str:
    label, value = _pair(line)
    return f"{label}:\n{value}"


def _pair(line: Line) -> tuple[str, str]:
    note = f" ({line.note})" if line.note else ""
    return _line(line.label), f"{plain(line.text)}{note}"


def _flush(fields: list[dict[str, Any]]) -> list[Block]:
    if not fields:
        return []
    block: Block = {"type": "section", "fields": list(fields)}
    fields.clear()
    return [block]


def _words(card: Card) -> Iterator[Block]:
    if not card.words:
        return
    said = plain(card.words)
    yield _context(_ours(":speech_balloon: *The agent's own words*, which nobody checked:"))
    quoted = "\n".join(f"│ {line}" for line in said.split("\n"))
    yield _section(_cut(quoted, SECTION))


def _progress(card: Card) -> list[Block]:
    steps = [
        f"{step.asked}: {step.given} of {step.needed} given" for step in card.steps if card.pending
    ]
    votes = [
        f"{vote.name} {vote.said}" + (f": {vote.comment}" if vote.comment else "")
        for vote in card.votes
    ]
    found = []
    told = " · ".join([*steps, *votes])
    if told:
        found.append(_context(_plain(_cut(_line(told), FIELD))))
    if card.became:
        found.append(_context(_plain(_line(card.became))))
    if card.pending:
        found.append(
            _context(
                _ours(f":hourglass_flowing_sand: *Until* {when(card.expires_at)}: "),
                _plain(_line(card.at_deadline)),
            )
        )
    return found


def _asking(card: Card, notification: UUID, *, whole: bool) -> list[Block]:
    deciding = card.deciding
    if deciding is None or not card.decidable_in("slack"):
        said = "It cannot be decided in Slack: open it, where it is decided with more proof of who you are."
        return [_context(_ours(said)), {"type": "actions", "elements": [_open(card, primary=True)]}]
    value = button_value(notification, deciding.digests["slack"])
    elements: list[dict[str, Any]] = []
    if card.kind == "question":
        elements.append(_button("Answer…", ANSWER, value, "primary"))
    elif whole and card.waiting_on == "people":
        elements.append(_button("Approve", APPROVE, value, "primary"))
    elements.append(_button("Reject…", REJECT, value, "danger"))
    if deciding.may_return:
        elements.append(_button("Ask the agent…", RETURN, value))
    if deciding.may_edit and whole and card.waiting_on == "people":
        elements.append(_button("Change and approve…", EDIT, value))
    elements.append(_open(card, primary=not whole))
    block = {"type": "actions", "block_id": "assentry.decide", "elements": elements}
    return [block]


def _button(label: str, action: str, value: str, style: str = "") -> dict[str, Any]:
    button = {"type": "button", "text": _plain(label), "action_id": action, "value": value}
    return {**button, "style": style} if style else button


def _open(card: Card, *, primary: bool = False) -> dict[str, Any]:
    label = "Open the request" if card.kind == "request" else "Open the question"
    button = link_button(label, card.url)
    return {**button, "style": "primary"} if primary else button


def when(at: datetime) -> str:
    seconds = int(at.timestamp())
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _safe(ours: str) -> str:
    """A sentence of ours, for a place that reads markup."""
    return escape(ours)


def _line(text: str) -> str:
    return plain(text, one_line=True)


def _cut(text: str, most: int) -> str:
    """The text, or its beginning with how much is left out."""
    if len(text) <= most:
        return text
    tail = f" … ({len(text):,} characters, cut)"
    return text[: most - len(tail)] + tail


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text or " ", "emoji": False}


def _ours(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text)}


def _context(*elements: dict[str, Any]) -> Block:
    return {"type": "context", "elements": list(elements)}
