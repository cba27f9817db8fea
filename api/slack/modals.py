"""The modals of Slack's side: why not, what to ask the agent, what to change, an answer.

Source of the limits: https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from api.slack.forms import (
    COMMENT,
    MOST_COMMENT,
    REASON,
    VALUE,
    edits_of,
    questions_of,
)
from approvals import answer_form, edit_form
from approvals.row import Row
from approvals.words import REASONS
from core.visible import plain
from notifications.card import Card
from notifications.slack.blocks import ANSWER, APPROVE, EDIT, REJECT, RETURN, told

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


def said(title: str, text: str, link: tuple[str, str] | None = None) -> dict[str, Any]:
    """A modal that only says something; ``link`` as `notifications.slack.blocks.told` has it."""
    return {
        "type": "modal",
        "title": _plain(title),
        "close": _plain("Close"),
        "blocks": told(text, link)["blocks"],
    }


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
    if field.value:
        element["initial_value"] = field.value
    hint = "Hidden here: leave it empty to keep it." if field.covered else ""
    return _input(block, label, element, optional=True, hint=hint)


def _asked(block: str, field: answer_form.Field) -> dict[str, Any]:
    label = _cut(plain(field.label, one_line=True), 1_900)
    hint = _cut(plain(field.hint, one_line=True), 1_900)
    element: dict[str, Any]
    if field.kind == "choice":
        options = [
            {"text": _plain(_cut(plain(words, one_line=True), 75)), "value": str(at)}
            for at, (_, words) in enumerate(field.choices)
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
