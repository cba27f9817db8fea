"""Blocks as HTML. Everything that an app sends is text here; only what Slack marks up is markup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from demo.slack import entries
from demo.slack.mrkdwn import Names, marked, plain

#: Kinds of an input on a page for the elements that are one.
INPUTS: Final = {
    "plain_text_input": "text",
    "email_text_input": "email",
    "url_text_input": "url",
    "number_input": "number",
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "number",
    "users_select": "text",
    "conversations_select": "text",
    "channels_select": "text",
}


@dataclass(frozen=True)
class Surface:
    """Where blocks are shown: `hidden` are the fields that each form names the place with."""

    names: Names
    hidden: str
    modal: bool = False
    errors: dict[str, str] | None = None


def blocks(there: list[dict[str, Any]], surface: Surface) -> str:
    """All blocks of a message or a view."""
    return "".join(_BLOCKS.get(one["type"], _other)(one, surface) for one in there)


def text(found: dict[str, Any] | None, names: Names) -> str:
    """A text object."""
    if not found:
        return ""
    if found["type"] == "mrkdwn":
        return marked(found["text"], names)
    return plain(found["text"])


def _section(block: dict[str, Any], surface: Surface) -> str:
    said = text(block.get("text"), surface.names)
    fields = "".join(f"<li>{text(one, surface.names)}</li>" for one in block.get("fields", []))
    beside = block.get("accessory")
    parts = [f"<div>{said}</div>" if said else ""]
    parts.append(f'<ul class="fields">{fields}</ul>' if fields else "")
    inside = f'<div class="said">{"".join(parts)}</div>'
    if not beside:
        return f'<div class="section">{inside}</div>'
    return f'<div class="section beside">{inside}{element(block, beside, surface)}</div>'


def _header(block: dict[str, Any], surface: Surface) -> str:
    return f'<h3 class="header">{text(block["text"], surface.names)}</h3>'


def _divider(block: dict[str, Any], surface: Surface) -> str:
    return "<hr>"


def _context(block: dict[str, Any], surface: Surface) -> str:
    shown = (
        _image(one, surface) if one["type"] == "image" else text(one, surface.names)
        for one in block["elements"]
    )
    return f'<div class="context">{"".join(f"<span>{one}</span>" for one in shown)}</div>'


def _actions(block: dict[str, Any], surface: Surface) -> str:
    shown = "".join(element(block, one, surface) for one in block["elements"])
    return f'<div class="actions">{shown}</div>'


def _input(block: dict[str, Any], surface: Surface) -> str:
    """An input of a form that is sent as a whole."""
    error = (surface.errors or {}).get(block["block_id"], "")
    name = f"v.{block['block_id']}.{block['element']['action_id']}"
    optional = ' <span class="hint">(optional)</span>' if block.get("optional") else ""
    hint = text(block.get("hint"), surface.names)
    return (
        f'<label class="input"><b>{text(block["label"], surface.names)}{optional}</b>'
        f"{field(block['element'], name, required=not block.get('optional'))}"
        + (f'<span class="error" role="alert">{escape(error)}</span>' if error else "")
        + (f'<span class="hint">{hint}</span>' if hint else "")
        + "</label>"
    )


def _image(block: dict[str, Any], surface: Surface) -> str:
    """Only what it shows: nothing is loaded from elsewhere."""
    return f'<span class="image">🖼 {escape(block["alt_text"])}</span>'


def _markdown(block: dict[str, Any], surface: Surface) -> str:
    return f'<pre class="markdown">{escape(block["text"])}</pre>'


def _other(block: dict[str, Any], surface: Surface) -> str:
    return f'<div class="hint">({escape(block["type"])})</div>'


_BLOCKS: Final[dict[str, Callable[[dict[str, Any], Surface], str]]] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
}


def element(block: dict[str, Any], one: dict[str, Any], surface: Surface) -> str:
    """An element that acts at once: a form of its own, or fields of the modal's where it stands in one."""
    if one["type"] == "image":
        return _image(one, surface)
    hidden = surface.hidden + _hidden(block=block["block_id"], action=one["action_id"])
    if one["type"] == "button":
        return _button(one, hidden, surface)
    entry = field(one, "value", required=True)
    return (
        f'<form method="post" action="/press" class="choose">{hidden}{entry}'
        '<button class="plain">Choose</button></form>'
    )


def _button(one: dict[str, Any], hidden: str, surface: Surface) -> str:
    label, style = text(one["text"], surface.names), escape(one.get("style", "plain"))
    if "url" in one:
        address = escape(one["url"])
        # A press on a link is told to the app too: the page's script sends this form beside.
        return (
            f'<form method="post" action="/press" class="link">{hidden}<a class="button {style}" '
            f'href="{address}" target="_blank" rel="noopener noreferrer">{label}</a></form>'
        )
    press = f'<form method="post" action="/press">{hidden}<button class="{{}}">{{}}</button></form>'
    if "confirm" not in one:
        return press.format(style, label)
    asked = one["confirm"]
    sure = press.format(
        escape(asked.get("style", "primary")), text(asked["confirm"], surface.names)
    )
    return (
        f'<details class="confirm"><summary class="button {style}">{label}</summary><div>'
        f"<b>{text(asked['title'], surface.names)}</b><p>{text(asked['text'], surface.names)}</p>"
        f"{sure}</div></details>"
    )


def field(one: dict[str, Any], name: str, *, required: bool) -> str:
    """What a person enters with."""
    kind, first = one["type"], entries.initial(one)
    named = f'name="{escape(name)}"' + (" required" if required else "")
    hint = escape((one.get("placeholder") or {}).get("text", ""))
    if kind in entries.SEVERAL:
        return _boxes(one, name, first)
    if kind in entries.ONE:
        offered = "".join(_option(option, first) for option in entries.options(one))
        return f'<select {named}><option value="">{hint or "Choose…"}</option>{offered}</select>'
    value = escape(str(first)) if first is not None else ""
    lengths = "".join(
        f' {attribute}="{int(one[limit])}"'
        for limit, attribute in (("min_length", "minlength"), ("max_length", "maxlength"))
        if limit in one
    )
    if one.get("multiline"):
        return f'<textarea {named} rows="4" placeholder="{hint}"{lengths}>{value}</textarea>'
    step = ' step="any"' if one.get("is_decimal_allowed") else ""
    return (
        f'<input type="{INPUTS.get(kind, "text")}" {named} value="{value}" '
        f'placeholder="{hint}" autocomplete="off"{lengths}{step}>'
    )


def _option(option: dict[str, Any], first: Any) -> str:
    value, chosen = escape(option["value"]), " selected" if option["value"] == first else ""
    return f'<option value="{value}"{chosen}>{plain(option["text"]["text"])}</option>'


def _boxes(one: dict[str, Any], name: str, first: list[str]) -> str:
    shown = ""
    for option in entries.options(one):
        ticked = " checked" if option["value"] in first else ""
        box = f'<input type="checkbox" name="{escape(name)}" value="{escape(option["value"])}"'
        shown += f'<label class="box">{box}{ticked}> {plain(option["text"]["text"])}</label>'
    return f'<span class="boxes">{shown}</span>'


def _hidden(**fields: str) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in fields.items()
    )


hidden = _hidden
