"""Block Kit's limits, as Slack holds messages and views to them.

Stricter than Slack in one thing: a block or an element that is not in these tables is refused, even
where Slack has it (video, file, table, rich text inputs, external selects).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from demo.slack.elements import ACCESSORY, INPUT, accessory, asking, in_actions, in_context
from demo.slack.shapes import (
    PLAIN,
    Check,
    anything,
    boolean,
    items,
    kinds,
    problem,
    shape,
    string,
    text,
    url,
)

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
#: Characters of all markdown blocks of one message together.
LONGEST_MARKDOWN: Final = 12_000
#: Types of elements that have an `action_id`.
ACTING: Final = (ACCESSORY.keys() | INPUT.keys()) - {"image"}

_ID: Final[dict[str, Check]] = {"block_id": string(255, 1)}
_BLOCKS: Final[dict[str, Check]] = {
    "section": shape(
        {
            **_ID,
            "text": text(3000),
            "fields": items(text(2000), 10),
            "accessory": accessory,
            "expand": boolean,
        }
    ),
    "header": shape({**_ID, "text": text(150, PLAIN)}, ("text",)),
    "divider": shape(_ID),
    "context": shape({**_ID, "elements": items(in_context, 10)}, ("elements",)),
    "actions": shape({**_ID, "elements": items(in_actions, 25)}, ("elements",)),
    "input": shape(
        {
            **_ID,
            "label": text(2000, PLAIN),
            "element": asking,
            "hint": text(2000, PLAIN),
            "optional": boolean,
            "dispatch_action": boolean,
        },
        ("label", "element"),
    ),
    "image": shape(
        {
            **_ID,
            "image_url": url(),
            "slack_file": anything,
            "alt_text": string(2000, 1),
            "title": text(2000, PLAIN),
        },
        ("alt_text",),
    ),
    "markdown": shape({**_ID, "text": string(LONGEST_MARKDOWN, 1)}, ("text",)),
    "rich_text": shape({**_ID, "elements": items(anything, 100)}, ("elements",)),
}
_block: Final = kinds(_BLOCKS)
_MODAL: Final = shape(
    {
        "title": text(24, PLAIN),
        "submit": text(24, PLAIN),
        "close": text(24, PLAIN),
        "blocks": items(_block, VIEW_BLOCKS, 0),
        "private_metadata": string(3000),
        "callback_id": string(255),
        "external_id": string(255),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
    ("title", "blocks"),
)
_HOME: Final = shape(
    {
        "blocks": items(_block, VIEW_BLOCKS, 0),
        "private_metadata": string(3000),
        "callback_id": string(255),
        "external_id": string(255),
    },
    ("blocks",),
)


def message_problems(blocks: list[Any]) -> list[str]:
    """What Slack finds wrong with a message's blocks; an empty list where it takes them."""
    found: list[str] = []
    items(_block, MESSAGE_BLOCKS, 0)(blocks, "/blocks", found)
    _across(blocks, "/blocks", found)
    markdown = [one.get("text", "") for one in _objects(blocks) if one.get("type") == "markdown"]
    if sum(len(str(one)) for one in markdown) > LONGEST_MARKDOWN:
        problem(found, "/blocks", f"markdown must be less than {LONGEST_MARKDOWN + 1} characters")
    return found


def view_problems(view: Any, kind: str) -> list[str]:
    """What Slack finds wrong with a view that is to be a ``modal`` or a ``home``."""
    found: list[str] = []
    if not isinstance(view, dict):
        problem(found, "/view", "must be an object")
        return found
    if view.get("type") != kind:
        problem(found, "/view/type", f"must be one of the following values: {kind}")
        return found
    (_MODAL if kind == "modal" else _HOME)(view, "/view", found)
    blocks = view.get("blocks")
    if isinstance(blocks, list):
        _across(blocks, "/view/blocks", found)
        asks = any(one.get("type") == "input" for one in _objects(blocks))
        if kind == "modal" and asks and "submit" not in view:
            problem(found, "/view", "must define `submit` to use an `input` block in modals")
    return found


def _across(blocks: list[Any], at: str, found: list[str]) -> None:
    """What one block alone cannot tell."""
    ids = Counter(one["block_id"] for one in _objects(blocks) if _named(one, "block_id"))
    for name in (name for name, times in ids.items() if times > 1):
        problem(found, at, f"`block_id` {name} already exists")
    for number, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        here = f"{at}/{number}"
        if block.get("type") == "section" and not (block.get("text") or block.get("fields")):
            problem(found, here, "must provide text or fields")
        _actions_differ(block, here, found)
        for image in _images(block):
            if not ("image_url" in image) ^ ("slack_file" in image):
                problem(found, here, "must provide either image_url or slack_file")
        _selects_offer(block, here, found)


def _actions_differ(block: dict[str, Any], at: str, found: list[str]) -> None:
    elements = block.get("elements") if block.get("type") == "actions" else None
    inside = _objects(elements) if isinstance(elements, list) else []
    ids = Counter(one["action_id"] for one in inside if _named(one, "action_id"))
    for name in (name for name, times in ids.items() if times > 1):
        problem(found, f"{at}/elements", f"`action_id` {name} already exists")


def _selects_offer(block: dict[str, Any], at: str, found: list[str]) -> None:
    for element in _inside(block):
        if str(element.get("type", "")).endswith("static_select"):
            given = [name for name in ("options", "option_groups") if element.get(name)]
            if len(given) != 1:
                problem(found, at, "must provide either options or option_groups")


def _images(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in [block, *_inside(block)] if one.get("type") == "image"]


def _inside(block: dict[str, Any]) -> list[dict[str, Any]]:
    elements = block.get("elements")
    several = elements if isinstance(elements, list) else []
    return _objects([*several, block.get("accessory"), block.get("element")])


def _objects(found: list[Any]) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)]


def _named(one: dict[str, Any], field: str) -> bool:
    return isinstance(one.get(field), str)
