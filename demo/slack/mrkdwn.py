"""Slack's markup as HTML: what it marks up, and everything else as text; https://docs.slack.dev/messaging/formatting-message-text"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html import escape
from typing import Final

#: The few emoji that messages of an app are likely to have; others stay as they are written.
EMOJI: Final = {
    "alarm_clock": "⏰",
    "arrow_right": "➡️",
    "ballot_box_with_check": "☑️",
    "bell": "🔔",
    "bust_in_silhouette": "👤",
    "eyes": "👀",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "information_source": "ℹ️",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_red_circle": "🔴",
    "large_yellow_circle": "🟡",
    "link": "🔗",
    "lock": "🔒",
    "memo": "📝",
    "no_entry": "⛔",
    "pencil2": "✏️",
    "question": "❓",
    "red_circle": "🔴",
    "robot_face": "🤖",
    "speech_balloon": "💬",
    "thumbsdown": "👎",
    "thumbsup": "👍",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
}
_TOKEN: Final = re.compile(r"```\n?(.+?)\n?```|`([^`\n]+)`|<([^<>\n]+)>", re.DOTALL)
#: What stands for a token while the text around it is marked up; no text may bring it along.
_MARK: Final = re.compile("\ue000(\\d+)\ue001")
_STYLES: Final = tuple(
    (re.compile(rf"(?<![\w{sign}])\{sign}(?=\S)([^\n{sign}]*\S)\{sign}(?![\w{sign}])"), tag)
    for sign, tag in (("*", "strong"), ("_", "em"), ("~", "s"))
)
_QUOTE: Final = re.compile(r"(?:^&gt; ?[^\n]*(?:\n|$))+", re.MULTILINE)
_EMOJI: Final = re.compile(r":([a-z0-9_+-]+):")
_DATE: Final = re.compile(r"!date\^(\d{1,11})\^([^|^]*)(?:\^[^|]*)?$")
_FORMATS: Final = {
    "{date_num}": "%Y-%m-%d",
    "{date}": "%d %B %Y",
    "{date_short}": "%d %b %Y",
    "{date_long}": "%A, %d %B %Y",
    "{date_pretty}": "%d %B %Y",
    "{date_short_pretty}": "%d %b %Y",
    "{date_long_pretty}": "%A, %d %B %Y",
    "{time}": "%H:%M",
    "{time_secs}": "%H:%M:%S",
}
#: A person's or channel's name from its id.
Names = Callable[[str], str]


def plain(text: str) -> str:
    """Text without markup: only the three escapes of Slack, and emoji."""
    return _emoji(escape(_unescaped(text))).replace("\n", "<br>")


def marked(text: str, names: Names) -> str:
    """Text with markup."""
    tokens: list[str] = []

    def put(found: re.Match[str]) -> str:
        block, code, angle = found.groups()
        if block is not None:
            tokens.append(f"<pre>{escape(_unescaped(block))}</pre>")
        elif code is not None:
            tokens.append(f"<code>{escape(_unescaped(code))}</code>")
        else:
            tokens.append(_angle(angle, names))
        return f"\ue000{len(tokens) - 1}\ue001"

    bare = text.replace("\ue000", "\ufffd").replace("\ue001", "\ufffd")
    html = escape(_unescaped(_TOKEN.sub(put, bare)))
    for pattern, tag in _STYLES:
        html = pattern.sub(rf"<{tag}>\1</{tag}>", html)
    html = _QUOTE.sub(_quote, _emoji(html)).replace("\n", "<br>")
    return _MARK.sub(lambda found: tokens[int(found.group(1))], html)


def _angle(inside: str, names: Names) -> str:
    """What stands between < and >: an address, somebody, a channel, everybody, a date, or no markup."""
    target, _, label = inside.partition("|")
    shown = escape(_unescaped(label))
    if target.startswith(("http://", "https://", "mailto:")):
        address = escape(_unescaped(target))
        attributes = 'target="_blank" rel="noopener noreferrer"'
        return f'<a href="{address}" {attributes}>{shown or address}</a>'
    if target[0] in "@#":
        name = shown or escape(names(target[1:]))
        return f'<span class="mention">{target[0]}{name}</span>'
    if target.startswith("!date^"):
        return _date(target, shown)
    if target in {"!here", "!channel", "!everyone"}:
        return f'<span class="mention">@{target[1:]}</span>'
    return escape(f"<{_unescaped(inside)}>")


def _date(target: str, fallback: str) -> str:
    """An instant, in this machine's time as Slack shows it in the reader's."""
    found = _DATE.match(target)
    if found is None:
        return fallback
    when, form = time.localtime(int(found.group(1))), escape(_unescaped(found.group(2)))
    for name, pattern in _FORMATS.items():
        form = form.replace(name, time.strftime(pattern, when))
    return f"<time>{form}</time>"


def _quote(found: re.Match[str]) -> str:
    lines = found.group().rstrip("\n").split("\n")
    return f"<blockquote>{'<br>'.join(re.sub('^&gt; ?', '', line) for line in lines)}</blockquote>"


def _emoji(html: str) -> str:
    return _EMOJI.sub(lambda found: EMOJI.get(found.group(1), found.group()), html)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
