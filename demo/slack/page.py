"""The page on which a newcomer is Slack's people: read, press, answer, write; it holds no state of its own."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from demo.slack import render
from demo.slack.delivery import Answer
from demo.slack.people import People
from demo.slack.state import Channel, Message, Team, User, View

FOLDER: Final = Path(__file__).parent
#: Files that the page loads, with their types; nothing comes from elsewhere.
FILES: Final = {
    "/page.css": ("text/css; charset=utf-8", (FOLDER / "page.css").read_text(encoding="utf-8")),
    "/page.js": ("text/javascript; charset=utf-8", (FOLDER / "page.js").read_text("utf-8")),
}
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: Deliveries that are shown.
SENT: Final = 6
HOME, DIRECT = "home", "dm"


class Shown:
    """The page as one person sees one place."""

    def __init__(self, people: People, team: Team, user: User, place: str, note: str) -> None:
        self.people, self.team, self.user, self.place, self.note = people, team, user, place, note
        self.channel: Channel | None = None
        if place == DIRECT:
            self.channel = team.dm(user.id)
        elif place != HOME:
            self.channel = team.channels[place]
        self.hidden = render.hidden(**self.here())

    def here(self, **other: str) -> dict[str, str]:
        """What names this place in an address or a form."""
        return {"team": self.team.id, "as": self.user.id, "in": self.place, **other}

    def html(self) -> str:
        """The whole page."""
        modal = self.people.view(self.team, self.user.id)
        where = self._title()
        return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{where} · {escape(self.team.name)} · Slack double</title>
<link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script></head>
<body><div class="shell">
<nav><h1>{escape(self.team.name)}</h1>{self._people()}{self._places()}</nav>
<main><header><h2>{where}</h2><p class="hint">A double of Slack on this machine. Nothing leaves it.</p></header>
<div id="messages" class="messages">{self._inside()}</div>
{self._composer()}
<section class="sent"><h2>What was sent to the product</h2><ol id="sent">{self._sent()}</ol></section>
</main></div>
<div id="modal">{_keyed("modal", modal.id, self._modal(modal)) if modal else ""}</div>
</body></html>"""

    def _title(self) -> str:
        if self.place == HOME:
            return "Assentry · Home"
        if self.place == DIRECT:
            return "Assentry · Direct message"
        assert self.channel is not None  # noqa: S101  # every other place is a channel
        return f"# {escape(self.channel.name)}"

    def _people(self) -> str:
        each = [
            (self.here(**{"as": one.id}), one.real_name, one.id == self.user.id)
            for one in self.team.users.values()
        ]
        return f"<h3>You are</h3><ul>{_links(each)}</ul>"

    def _places(self) -> str:
        channels = [one for one in self.team.channels.values() if not one.direct and one.member]
        each = [
            (self.here(**{"in": one.id}), f"# {one.name}", one.id == self.place) for one in channels
        ]
        each.append((self.here(**{"in": DIRECT}), "Direct message", self.place == DIRECT))
        fields = render.hidden(**self.here(**{"in": HOME}))
        on = ' class="on"' if self.place == HOME else ""
        home = f'<li><form method="post" action="/home">{fields}<button{on}>App Home</button></form></li>'
        return f"<h3>Where</h3><ul>{_links(each)}{home}</ul>"

    def _inside(self) -> str:
        if self.channel is None:
            return self._home()
        seen = self.channel.seen_by(self.user.id)
        first = [one for one in seen if not one.thread_ts]
        shown = "".join(
            _keyed(
                "message",
                one.ts,
                self._thread(one, [two for two in seen if two.thread_ts == one.ts]),
            )
            for one in first
        )
        return shown or _keyed("none", "none", '<p class="hint">Nothing was said here yet.</p>')

    def _home(self) -> str:
        view = self.people.home(self.team, self.user.id)
        if view is None:
            nothing = "The app has published no Home for you yet."
            return _keyed("none", "home", f'<p class="hint">{nothing}</p>')
        inside = render.blocks(view.body["blocks"], self._surface(view=view.id))
        return _keyed("home", view.id, f'<article class="home">{inside}</article>')

    def _thread(self, message: Message, replies: Sequence[Message]) -> str:
        said = self._message(message) + "".join(
            f'<div class="reply">{self._message(one)}</div>' for one in replies
        )
        if message.only_for:
            return said
        count = f"{len(replies)} repl{'y' if len(replies) == 1 else 'ies'} · " if replies else ""
        fields = self.hidden + render.hidden(thread=message.ts)
        return f"""{said}<details class="thread"><summary>{count}Reply in thread</summary>
<form method="post" action="/say">{fields}<input name="text" required autocomplete="off" aria-label="Reply" placeholder="Reply…"><button class="plain">Send</button></form></details>"""

    def _message(self, message: Message) -> str:
        who = self.team.users.get(message.user)
        name = who.real_name if who else "Assentry"
        kind = "app" if message.bot else f"p{zlib.crc32(message.user.encode()) % 5}"
        marks = ' <span class="badge">APP</span>' if message.bot else ""
        marks += (
            f" <time>{time.strftime('%H:%M', time.localtime(int(message.ts.split('.')[0])))}</time>"
        )
        marks += ' <span class="hint">(edited)</span>' if message.edited else ""
        only = '<p class="hint">👁 Only visible to you</p>' if message.only_for else ""
        if message.blocks:
            surface = self._surface(message=message.ts, channel=message.channel)
            inside = render.blocks(message.blocks, surface)
        else:
            said = {"type": "mrkdwn", "text": message.text}
            inside = f'<div class="section">{render.text(said, self._name)}</div>'
        return (
            f'<article><span class="face {kind}" aria-hidden="true">{escape(name[:1])}</span>'
            f'<div class="body">{only}<p class="who"><b>{escape(name)}</b>{marks}</p>{inside}</div></article>'
        )

    def _modal(self, view: View) -> str:
        body, surface = view.body, self._surface(view=view.id, modal=True, errors=view.errors)
        fields = self.hidden + render.hidden(view=view.id)
        inputs = [one for one in body["blocks"] if one["type"] == "input"]
        rest = [one for one in body["blocks"] if one["type"] != "input"]
        send = render.text(body["submit"], self._name) if body["submit"] else ""
        close = render.text(body["close"], self._name) if body["close"] else "Cancel"
        submit = f'<button class="primary" form="modal-form">{send}</button>' if send else ""
        return f"""<div class="shade"></div><section class="modal" role="dialog" aria-modal="true" aria-label="{escape(body["title"]["text"])}">
<h2>{render.text(body["title"], self._name)}</h2><div class="inside">{render.blocks(rest, surface)}
<form method="post" action="/submit" id="modal-form">{fields}{render.blocks(inputs, surface)}</form></div>
<footer><form method="post" action="/close">{fields}<button class="plain">{close}</button></form>{submit}</footer></section>"""

    def _composer(self) -> str:
        if self.channel is None:
            return ""
        if self.channel.archived:
            return '<p class="archived hint">This channel is archived.</p>'
        where = f"#{escape(self.channel.name)}" if not self.channel.direct else "Assentry"
        return f"""<form method="post" action="/say" class="composer">{self.hidden}
<input name="text" required autocomplete="off" aria-label="Message" placeholder="Message {where}, or a command: /assentry help"><button class="primary">Send</button></form>"""

    def _sent(self) -> str:
        sent = list(enumerate(self.people.sent))[-SENT:]
        lines = [
            _keyed("delivery", str(number), _line(one), "li") for number, one in reversed(sent)
        ]
        note = f'<p class="error" role="status">{escape(self.note)}</p>'
        return (_keyed("note", self.note, note, "li") if self.note else "") + "".join(lines)

    def _surface(
        self, *, modal: bool = False, errors: dict[str, str] | None = None, **where: str
    ) -> render.Surface:
        return render.Surface(self._name, self.hidden + render.hidden(**where), modal, errors)

    def _name(self, id: str) -> str:
        if id in self.team.users:
            return self.team.users[id].name
        if id == self.team.bot_user:
            return "assentry"
        return self.team.channels[id].name if id in self.team.channels else id


def _keyed(kind: str, key: str, inside: str, tag: str = "div") -> str:
    """Something that the page's script leaves alone while it stays the same."""
    mark = zlib.crc32(inside.encode())
    return (
        f'<{tag} class="{kind}" data-key="{kind}-{escape(key)}" data-mark="{mark}">{inside}</{tag}>'
    )


def _links(each: Sequence[tuple[dict[str, str], str, bool]]) -> str:
    return "".join(
        f'<li><a href="/?{escape(urlencode(where))}"{" class=on aria-current=true" if on else ""}>{escape(name)}</a></li>'
        for where, name, on in each
    )


def _line(answer: Answer) -> str:
    """One delivery, and what the product said to it."""
    kind = answer.payload.get("type") or answer.payload.get("command", "")
    event = answer.payload.get("event", {}).get("type", "")
    what = escape(f"{kind} {event}".strip())
    mark = "ok" if answer.taken else "no"
    said = escape(answer.body[:200]) if answer.body else ""
    status = str(answer.status) if answer.status else "no answer"
    late = ", too late for Slack" if answer.status == 200 and not answer.taken else ""
    return (
        f'<span class="{mark}">{status}</span> <code>{escape(answer.path)}</code> {what} '
        f'<span class="hint">{answer.elapsed * 1000:.0f} ms{late}</span>'
        + (f'<code class="said">{said}</code>' if said else "")
    )
