"""What people enter, as payloads carry it; https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

#: Elements that carry one option or several, and those that carry a plain value under some name.
ONE: Final = frozenset({"static_select", "radio_buttons", "overflow"})
SEVERAL: Final = frozenset({"multi_static_select", "checkboxes"})
FIELD: Final = {
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "button": "value",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_users_select": "selected_users",
}
#: What each starts with, where the app says so.
_INITIAL: Final = {
    "datepicker": "initial_date",
    "timepicker": "initial_time",
    "datetimepicker": "initial_date_time",
    "users_select": "initial_user",
    "conversations_select": "initial_conversation",
    "channels_select": "initial_channel",
    "multi_users_select": "initial_users",
}


def options(element: dict[str, Any]) -> list[dict[str, Any]]:
    """What may be chosen, those in groups too."""
    groups = element.get("option_groups", [])
    return [*element.get("options", []), *(one for group in groups for one in group["options"])]


def entered(element: dict[str, Any], value: Any) -> dict[str, Any]:
    """What `state.values` and `actions` say of an element; `value` is an option's value where one is chosen.

    Raises:
        ValueError: the element does not offer that.
    """
    kind = element["type"]
    if kind in ONE:
        return {"type": kind, "selected_option": _chosen(element, value) if value else None}
    if kind in SEVERAL:
        return {"type": kind, "selected_options": [_chosen(element, one) for one in value or []]}
    if kind in FIELD:
        return {"type": kind, FIELD[kind]: value if value not in ("", []) else None}
    raise ValueError(f"{kind} takes no entry")


def initial(element: dict[str, Any]) -> Any:
    """What an element holds before anybody touches it, in the form that `entered` takes."""
    kind = element["type"]
    if kind in ONE:
        return (element.get("initial_option") or {}).get("value")
    if kind in SEVERAL:
        return [one["value"] for one in element.get("initial_options", [])]
    return element.get(_INITIAL.get(kind, "initial_value"))


def lacks(element: dict[str, Any], entry: dict[str, Any]) -> str | None:
    """Why Slack itself would not submit an entry that is required; None where it would."""
    value = next(entry[name] for name in entry if name != "type")
    if value in (None, "", []):
        return "Please complete this required field."
    if element["type"] == "plain_text_input":
        if len(value) < element.get("min_length", 0):
            return f"Must be {element['min_length']} characters or more."
        if len(value) > element.get("max_length", 3000):
            return f"Must be {element.get('max_length', 3000)} characters or fewer."
    return None


def elements(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each block with each element in it that people act with."""
    for block in blocks:
        inside = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        yield from ((block, one) for one in inside if one and "action_id" in one)


def label(element: dict[str, Any]) -> str:
    """What stands on an element."""
    text: str = (element.get("text") or {}).get("text", "")
    return text


def values(
    blocks: list[dict[str, Any]], given: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """A view's `state.values` from what was entered, by action or block id; and what Slack would not submit.

    Raises:
        ValueError: something was entered that nothing asks for.
    """
    state: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    left = dict(given)
    for block, element in elements(blocks):
        if element["type"] in {"button", "overflow"}:
            continue
        value = initial(element)
        for name in (element["action_id"], block["block_id"]):
            value = left.pop(name, value)
        entry = entered(element, value)
        state.setdefault(block["block_id"], {})[element["action_id"]] = entry
        why = lacks(element, entry) if block["type"] == "input" else None
        empty = next(entry[name] for name in entry if name != "type") in (None, "", [])
        if why and not (empty and block.get("optional")):
            refused[block["block_id"]] = why
    if left:
        raise ValueError(f"nothing in the view asks for {', '.join(sorted(left))}")
    return state, refused


def _chosen(element: dict[str, Any], value: Any) -> dict[str, Any]:
    for option in options(element):
        if option["value"] == value:
            return option
    raise ValueError(f"{element['action_id']} offers no {value!r}")
