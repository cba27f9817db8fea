"""What a modal asks, and what somebody filled in: between the forms of a request and Slack's blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import Raw

from api.slack.reading import part, text
from approvals import answer_form, edit_form
from approvals.frozen import FrozenFact, decode
from approvals.present import masked
from approvals.row import Row
from approvals.words import REASONS
from core.canonical import JSON
from core.problems import Problem
from notifications.slack.blocks import EDIT

#: block_id of the words that go with a verdict, and of the reason that is chosen.
COMMENT: Final = "comment"
REASON: Final = "reason"
VALUE: Final = "value"
MOST_COMMENT: Final = 3_000
#: Slack shows so many inputs beside what a view also holds.
MOST_FIELDS: Final = 80


def fits(action: str, row: Row) -> bool:
    """Whether the edit modal can hold all that may be changed: what is left out of it would be lost."""
    if action != EDIT:
        return True
    offered = _edits_of(row)
    return len(offered) <= MOST_FIELDS and all(len(one.value) <= MOST_COMMENT for one in offered)


def edits_of(row: Row) -> list[edit_form.Field]:
    """What may be changed, as the edit modal offers it."""
    return _edits_of(row)[:MOST_FIELDS]


def questions_of(row: Row) -> list[answer_form.Field]:
    """What is asked, as the answer modal offers it."""
    return answer_form.fields(msgspec.json.decode(row.payload))[:MOST_FIELDS]


def typed(values: Mapping[str, Any]) -> dict[str, str]:
    """What was typed or chosen, by block."""
    found = {}
    for block in values:
        for action in part(values, block):
            state = part(part(values, block), action)
            found[block] = text(state, "value") or text(part(state, "selected_option"), "value")
    return found


def answers_of(row: Row, given: Mapping[str, str]) -> dict[str, str]:
    """What was filled in, by field, as `approvals.answer_form` reads it; options come as their places."""
    form = {}
    for at, one in enumerate(questions_of(row)):
        filled = given.get(f"f{at}", "")
        codes = {str(place): code for place, (code, _) in enumerate(one.choices)}
        form[one.name] = codes.get(filled, "") if one.choices else filled
    return form


def block_of_name(verdict: str, row: Row, name: str) -> str:
    """The block of a form's field; the first one where a fault is no single field's."""
    fields = edits_of(row) if verdict == "edit" else questions_of(row)
    names = [one.name for one in fields]
    return f"f{names.index(name)}" if name in names else "f0"


def errors_of(verdict: str, row: Row, problem: Problem) -> dict[str, str]:
    """What a 422 says, each at the block that it is about."""
    found: dict[str, str] = {}
    for fault in problem.errors:
        found.setdefault(_block_of_pointer(verdict, row, fault.pointer), fault.detail)
    return found or {COMMENT: problem.detail}


def _block_of_pointer(verdict: str, row: Row, pointer: str) -> str:
    if verdict == "edit" and pointer.startswith("/edits/"):
        # One step that is a pointer itself, then what lies inside the value there.
        step = pointer.split("/")[2].replace("~1", "/").replace("~0", "~")
        return block_of_name(verdict, row, edit_form.PREFIX + step)
    if verdict == "answer" and pointer.startswith("/answer"):
        member = pointer.removeprefix("/answer/").partition("/")[0]
        return block_of_name(verdict, row, f"{answer_form.NAME}.{member}")
    return COMMENT


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


def _edits_of(row: Row) -> list[edit_form.Field]:
    shown = _shown(row)
    labels = {fact.pointer: fact.label for fact in shown.facts}
    return edit_form.fields(shown.payload, shown.editable, labels, frozenset(shown.covered))


def _shown(row: Row) -> Shown:
    plan = decode(row.plan)
    payload = masked(row.payload, plan.sensitive)
    plain_payload = msgspec.json.decode(payload) if isinstance(payload, Raw) else payload
    return Shown(plain_payload, plan.facts, plan.editable, plan.sensitive)
