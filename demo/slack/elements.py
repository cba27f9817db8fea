"""What people act with in blocks, and what it may hold; https://docs.slack.dev/reference/block-kit/block-elements"""

from __future__ import annotations

from typing import Final

from demo.slack.shapes import (
    PLAIN,
    Check,
    anything,
    boolean,
    integer,
    items,
    kinds,
    one_of,
    shape,
    string,
    text,
    url,
)

_STYLE: Final = one_of("primary", "danger")
#: Asked before an action counts.
_CONFIRM: Final = shape(
    {
        "title": text(100, PLAIN),
        "text": text(300),
        "confirm": text(30, PLAIN),
        "deny": text(30, PLAIN),
        "style": _STYLE,
    },
    ("title", "text", "confirm", "deny"),
)
_ACTION: Final[dict[str, Check]] = {"action_id": string(255, 1), "confirm": _CONFIRM}
_PLACEHOLDER: Final[dict[str, Check]] = {"placeholder": text(150, PLAIN)}
_FOCUS: Final[dict[str, Check]] = {"focus_on_load": boolean}


def _option(longest: Check, **more: Check) -> Check:
    fields = {"text": longest, "value": string(150, 1), "description": text(75), **more}
    return shape(fields, ("text", "value"))


_PLAIN_OPTION: Final = _option(text(75, PLAIN))
_ANY_OPTION: Final = _option(text(75))
_GROUP: Final = shape(
    {"label": text(75, PLAIN), "options": items(_PLAIN_OPTION, 100)}, ("label", "options")
)

BUTTON: Final = shape(
    {
        **_ACTION,
        "text": text(75, PLAIN),
        "url": url(),
        "value": string(2000),
        "style": _STYLE,
        "accessibility_label": string(75),
    },
    ("text",),
)
IMAGE: Final = shape(
    {"image_url": url(), "slack_file": anything, "alt_text": string(2000, 1)}, ("alt_text",)
)
_OVERFLOW: Final = shape(
    {**_ACTION, "options": items(_option(text(75, PLAIN), url=url()), 5)}, ("options",)
)


def _select(*, several: bool, **more: Check) -> Check:
    fields = {**_ACTION, **_PLACEHOLDER, **_FOCUS, **more}
    return shape(fields | ({"max_selected_items": integer(1, 1000)} if several else {}))


def _static(*, several: bool) -> Check:
    first: dict[str, Check] = {"initial_option": _PLAIN_OPTION}
    if several:
        first = {"initial_options": items(_PLAIN_OPTION, 100)}
    groups = items(_GROUP, 100)
    return _select(
        several=several, options=items(_PLAIN_OPTION, 100), option_groups=groups, **first
    )


def _boxes(first: str, start: Check) -> Check:
    fields = {**_ACTION, **_FOCUS, "options": items(_ANY_OPTION, 10), first: start}
    return shape(fields, ("options",))


def _entry(**more: Check) -> Check:
    dispatch = shape({"trigger_actions_on": anything})
    fields = {**_PLACEHOLDER, **_FOCUS, "action_id": string(255, 1), **more}
    return shape({**fields, "dispatch_action_config": dispatch})


def _typed(**more: Check) -> Check:
    return _entry(initial_value=string(3000), **more)


_NUMBER: Final = shape(
    {
        **_PLACEHOLDER,
        **_FOCUS,
        "action_id": string(255, 1),
        "is_decimal_allowed": boolean,
        "initial_value": string(50),
        "min_value": string(50),
        "max_value": string(50),
        "dispatch_action_config": anything,
    },
    ("is_decimal_allowed",),
)
#: Choosing, in actions, accessories and inputs alike.
CHOOSING: Final[dict[str, Check]] = {
    "static_select": _static(several=False),
    "multi_static_select": _static(several=True),
    "users_select": _select(several=False, initial_user=string(255)),
    "multi_users_select": _select(several=True, initial_users=anything),
    "conversations_select": _select(several=False, initial_conversation=string(255)),
    "channels_select": _select(several=False, initial_channel=string(255)),
    "checkboxes": _boxes("initial_options", items(_ANY_OPTION, 10)),
    "radio_buttons": _boxes("initial_option", _ANY_OPTION),
    "datepicker": shape({**_ACTION, **_PLACEHOLDER, **_FOCUS, "initial_date": string(10, 10)}),
    "timepicker": shape(
        {
            **_ACTION,
            **_PLACEHOLDER,
            **_FOCUS,
            "initial_time": string(5, 5),
            "timezone": string(100),
        }
    ),
    "datetimepicker": shape({**_ACTION, **_FOCUS, "initial_date_time": integer(10**9, 10**10 - 1)}),
}
#: What an actions block may hold.
IN_ACTIONS: Final[dict[str, Check]] = {**CHOOSING, "button": BUTTON, "overflow": _OVERFLOW}
#: What may stand beside a section's text.
ACCESSORY: Final[dict[str, Check]] = {**IN_ACTIONS, "image": IMAGE}
#: What a modal asks with.
INPUT: Final[dict[str, Check]] = {
    **CHOOSING,
    "plain_text_input": _typed(
        multiline=boolean, min_length=integer(0, 3000), max_length=integer(1, 3000)
    ),
    "email_text_input": _typed(),
    "url_text_input": _typed(),
    "number_input": _NUMBER,
}
in_actions: Final = kinds(IN_ACTIONS)
accessory: Final = kinds(ACCESSORY)
asking: Final = kinds(INPUT)
in_context: Final = kinds({"image": IMAGE, "plain_text": text(3000, PLAIN), "mrkdwn": text(3000)})
