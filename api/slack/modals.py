"""The modals of Slack's side: why not, what to ask the agent, what to change, an answer.

Source of the limits: https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import Raw

from approvals import answer_form, edit_form
from approvals.frozen import FrozenFact, decode
from approvals.present import masked
from approvals.row import Row
from approvals.words import REASONS
from core.canonical import JSON
from core.visible import plain
from notifications.card import Card
from notifications.slack.blocks import ANSWER, APPROVE, EDIT, REJECT, RETURN

#: block_id of the words that go with a verdict, and of the reason that is chosen.
COMMENT: Final = "comment"
REASON: Final = "reason"
VALUE: Final = "value"
MOST_COMMENT: Final = 3_000
#: Slack shows so many inputs beside what a view also holds.
MOST_FIELDS: Final = 80

TITLES: Final = {
    APPROVE: ("Approve", "Approve"),
    REJECT: ("Reject", "Reject"),
    RETURN: ("Ask the agent", "Send"),
    EDIT: ("Change and approve", "Change and approve"),
    ANSWER: ("Answer", "Answer"),
}
VERDICTS: Final = {
    APPROVE: "approve",
    REJECT: "reject",
    RETURN: "return",
    EDIT: "edit",
    ANSWER: "answer",
}


def view(action: str, card: Card, row: Row, value: str) -> dict[str, Any]:
    """The modal that a button opens; ``value`` is what the button carried, and travels with it."""
    title, submit = TITLES[action]
    inner: list[dict[str, Any]] = [_text(_cut(plain(card.title, one_line=True), 2_900))]
    match action:
        case "assentry.reject":
            inner += [
                _reasons(),
                _words(card.deciding is not None and card.deciding.comment_on_reject),
            ]
        case "assentry.return":
            inner.append(_input(COMMENT, "What the agent shall answer or change", _area()))
        case "assentry.edit":
            inner += [_field(f"f{at}", one) for at, one in enumerate(edits_of(row))]
            inner.append(_words(card.deciding is not None and card.deciding.comment_on_approve))
        case "assentry.answer":
            inner += [_asked(f"f{at}", one) for at, one in enumerate(questions_of(row))]
            inner.append(_words(False))
        case _:
            inner.append(_words(True))
    return {
        "type": "modal",
        "callback_id": action,
        "private_metadata": value,
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Cancel"),
        "blocks": inner,
    }


def said(title: str, text: str) -> dict[str, Any]:
    """A modal that only says something."""
    return {
        "type": "modal",
        "title": _plain(title),
        "close": _plain("Close"),
        "blocks": [_text(_cut(text, 2_900))],
    }


def edits_of(row: Row) -> list[edit_form.Field]:
    """What may be changed, as the edit modal offers it."""
    shown = _shown(row)
    labels = {fact.pointer: fact.label for fact in shown.facts}
    covered = frozenset(shown.covered)
    return edit_form.fields(shown.payload, shown.editable, labels, covered)[:MOST_FIELDS]


def questions_of(row: Row) -> list[answer_form.Field]:
    """What is asked, as the answer modal offers it."""
    return answer_form.fields(msgspec.json.decode(row.payload))[:MOST_FIELDS]


def typed(values: Mapping[str, Any]) -> dict[str, str]:
    """What was typed or chosen, by block."""
    found = {}
    for block, actions in values.items():
        for state in actions.values() if isinstance(actions, dict) else ():
            option = state.get("selected_option") or {}
            found[block] = str(state.get("value") or option.get("value") or "")
    return found


def comment_of(given: Mapping[str, str]) -> str:
    """The reason that was chosen, and the words beside it."""
    chosen = dict(REASONS).get(given.get(REASON, ""), "")
    return ". ".join(part for part in (chosen, given.get(COMMENT, "").strip()) if part)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the edit modal needs of a request: its payload with sensitive values covered."""

    payload: JSON
    facts: tuple[FrozenFact, ...]
    editable: tuple[str, ...]
    covered: tuple[str, ...]


def _shown(row: Row) -> Shown:
    plan = decode(row.plan)
    payload = masked(row.payload, plan.sensitive)
    plain_payload = msgspec.json.decode(payload) if isinstance(payload, Raw) else payload
    return Shown(plain_payload, plan.facts, plan.editable, plan.sensitive)


def _reasons() -> dict[str, Any]:
    options = [{"text": _plain(words), "value": code} for code, words in REASONS]
    select = {
        "type": "static_select",
        "action_id": VALUE,
        "placeholder": _plain("Choose, or write below"),
        "options": options,
    }
    return _input(REASON, "Why not?", select, optional=True)


def _words(required: bool) -> dict[str, Any]:
    label = "Say why" if required else "Words to go with it"
    return _input(COMMENT, label, _area(), optional=True)


def _area() -> dict[str, Any]:
    return {
        "type": "plain_text_input",
        "action_id": VALUE,
        "multiline": True,
        "max_length": MOST_COMMENT,
    }


def _field(block: str, field: edit_form.Field) -> dict[str, Any]:
    label = _cut(plain(field.label, one_line=True), 1_900)
    if field.kind == "yesno":
        return _input(block, label, _choice(("true", "false"), field.value))
    element = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "multiline": field.kind in ("long", "json"),
    }
    if field.value and len(field.value) <= MOST_COMMENT:
        element["initial_value"] = field.value
    hint = "Hidden here: leave it empty to keep it." if field.covered else ""
    return _input(block, label, element, optional=True, hint=hint)


def _asked(block: str, field: answer_form.Field) -> dict[str, Any]:
    label = _cut(plain(field.label, one_line=True), 1_900)
    hint = _cut(plain(field.hint, one_line=True), 1_900)
    element: dict[str, Any]
    if field.kind == "choice":
        options = [
            {"text": _plain(_cut(plain(words, one_line=True), 75)), "value": _cut(code, 150)}
            for code, words in field.choices
        ]
        element = {"type": "static_select", "action_id": VALUE, "options": options}
    elif field.kind == "yesno":
        element = _choice(("true", "false"), "")
    else:
        element = {
            "type": "plain_text_input",
            "action_id": VALUE,
            "multiline": field.kind in ("text", "json"),
        }
    return _input(block, label, element, optional=not field.required, hint=hint)


def _choice(choices: Sequence[str], chosen: str) -> dict[str, Any]:
    options = [{"text": _plain(one), "value": one} for one in choices]
    select: dict[str, Any] = {"type": "static_select", "action_id": VALUE, "options": options}
    if chosen in choices:
        select["initial_option"] = {"text": _plain(chosen), "value": chosen}
    return select


def _input(
    block: str, label: str, element: dict[str, Any], *, optional: bool = False, hint: str = ""
) -> dict[str, Any]:
    made = {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "element": element,
        "optional": optional,
    }
    return {**made, "hint": _plain(hint)} if hint else made


def _text(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text or " ", "emoji": False}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
