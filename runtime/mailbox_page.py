"""The mailbox's page: which mails came, and each as text, as HTML and as it was sent.

It has no script and answers only to names of this machine.  What a mail holds is somebody else's:
text is escaped, and HTML stands in a frame that loads, runs and sends nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from runtime.letters import Letter, Letters, Summary

#: Seconds until a browser asks again.
REFRESH_S: Final = 5
NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: So many recipients are offered as filters; the others by the address `/?to=…`.
OFFERED: Final = 30
_PORT: Final = re.compile(r":\d+$")
_LINK: Final = re.compile(r"https?://[^\s<>\"'`\\^{|}\u2028\u2029]+", re.IGNORECASE)
_AFTER_LINK: Final = ".,;:!?)]*_"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
#: Of a mail's HTML, also where its frame is opened by itself.  Links may open a window, so that
#: one sees where they lead.
FRAME: Final = "allow-popups allow-popups-to-escape-sandbox"
FRAME_POLICY: Final = (
    f"sandbox {FRAME}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --mute: #63676d; }
@media (prefers-color-scheme: dark) { :root { --mute: #a5aab1; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1080px; padding: 24px 20px; }
h1 { font-size: 22px; margin: 0 0 4px; overflow-wrap: anywhere; } h2 { font-size: 15px; margin: 26px 0 8px; }
.hint { color: var(--mute); font-size: 13px; }
.to { display: flex; flex-wrap: wrap; gap: 4px 14px; padding: 0; margin: 12px 0; list-style: none; font-size: 13px; overflow-wrap: anywhere; }
.to [aria-current] { font-weight: 700; text-decoration: none; color: inherit; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 7px 10px 7px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
thead th { font-size: 13px; color: var(--mute); font-weight: 600; border: 0; }
time { font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 10px 0; overflow-wrap: anywhere; } dt { color: var(--mute); } dd { margin: 0; }
pre { font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; margin: 0; }
iframe { box-sizing: border-box; width: 100%; height: 70vh; resize: vertical; border: 1px solid var(--line); border-radius: 8px; }
details summary { cursor: pointer; margin: 26px 0 8px; font-weight: 600; }
@media (max-width: 700px) { .list, .list tbody, .list tr, .list td { display: block; } .list thead { display: none; } .list td { border: 0; padding: 1px 0; } .list tr { border-top: 1px solid var(--line); padding: 8px 0; } }
"""


class Answer(NamedTuple):
    """What a call gets."""

    status: int
    kind: str
    body: str | bytes
    policy: str = POLICY


NOTHING: Final = Answer(404, "text/plain; charset=utf-8", "There is no such mail here.")


def answer(letters: Letters, path: str) -> Answer:
    """The answer to a GET of `path`."""
    parts = urlsplit(path)
    to = parse_qs(parts.query).get("to", [""])[0]
    match parts.path.split("/")[1:]:
        case [""]:
            return _html(listing(letters.newest(), to))
        case ["style.css"]:
            return Answer(200, "text/css; charset=utf-8", STYLE)
        case ["messages.json"]:
            return _json({"messages": [asdict(each) for each in letters.newest(to)]})
        case ["message", name] if letter := letters.read(name.removesuffix(".json")):
            return _json(letter.as_json()) if name.endswith(".json") else _html(page(letter))
        case ["message", name, "source"] if letter := letters.read(name):
            return Answer(200, "text/plain; charset=utf-8", letter.raw)
        case ["message", name, "html"] if letter := letters.read(name):
            # Links of the frame would open in it, where the product refuses to stand.
            body = f'<!doctype html><base target="_blank">{letter.html}'
            return Answer(200, "text/html; charset=utf-8", body, FRAME_POLICY)
        case _:
            return NOTHING


def listing(found: Sequence[Summary], to: str) -> str:
    """The page of all mails, or of those `to` one address."""
    counts = Counter(address.casefold() for each in found for address in each.to)
    wanted = to.strip().casefold()
    shown = [each for each in found if not wanted or wanted in map(str.casefold, each.to)]
    rows = "".join(_row(each) for each in shown)
    table = (
        '<table class="list"><thead><tr><th>To</th><th>Subject</th><th>Came (UTC)</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return _page(
        "Mailbox",
        f"""<h1>Mailbox</h1>
<p class="hint">Every mail that this copy sends lands here, and nowhere else: {_count(len(found))} kept.
Set ASSENTRY_SMTP_URL to send to people.</p>
{_filters(counts, wanted)}
{table if shown else '<p id="none">No mail yet.</p>'}""",
        refresh=True,
    )


def _filters(counts: Counter[str], wanted: str) -> str:
    offered = [name for name, _ in counts.most_common(OFFERED)]
    if wanted and wanted not in offered:
        offered.append(wanted)
    if not offered:
        return ""
    items = [_filter("", "Everybody", wanted)]
    items += [_filter(name, f"{name} ({counts[name]})", wanted) for name in offered]
    left = len(counts) - OFFERED
    more = f"<li>{left} more addresses: /?to=…</li>" if left > 0 else ""
    return f'<ul class="to">{"".join(items)}{more}</ul>'


def _filter(name: str, shown: str, wanted: str) -> str:
    here = ' aria-current="true"' if name == wanted else ""
    return f'<li><a href="{_to(name)}"{here}><bdi>{escape(shown)}</bdi></a></li>'


def _to(address: str) -> str:
    return f"/?to={quote(address)}" if address else "/"


def _row(each: Summary) -> str:
    to = ", ".join(f'<a href="{_to(one)}"><bdi>{escape(one)}</bdi></a>' for one in each.to)
    subject = escape(each.subject) or "(no subject)"
    return (
        f'<tr><td>{to}</td><td><a href="/message/{each.id}"><bdi>{subject}</bdi></a></td>'
        f"<td>{_time(each.at)}</td></tr>"
    )


def _time(at: str) -> str:
    return f'<time datetime="{at}">{at[:10]} {at[11:19]}</time>'


def _count(number: int) -> str:
    return "1 mail" if number == 1 else f"{number} mails"


def page(letter: Letter) -> str:
    """The page of one mail."""
    told = letter.summary
    subject = escape(told.subject) or "(no subject)"
    to = ", ".join(f"<bdi>{escape(each)}</bdi>" for each in told.to)
    headers = "".join(
        f"<tr><th>{escape(name)}</th><td><bdi>{escape(value)}</bdi></td></tr>"
        for name, value in letter.headers
    )
    text = f'<h2>Text</h2><pre id="text">{linked(letter.text)}</pre>' if letter.text else ""
    frame = (
        f'<h2>HTML</h2><iframe sandbox="{FRAME}" src="/message/{told.id}/html" '
        'title="The mail\'s HTML" referrerpolicy="no-referrer"></iframe>'
    )
    return _page(
        told.subject or "(no subject)",
        f"""<p class="hint"><a href="/">← Mailbox</a></p><h1><bdi>{subject}</bdi></h1>
<dl><dt>From</dt><dd><bdi>{escape(told.sender)}</bdi></dd><dt>To</dt><dd>{to}</dd>
<dt>Came</dt><dd>{_time(told.at)} UTC</dd></dl>
{frame if letter.html else ""}{text}
<details><summary>Headers</summary><table id="headers">{headers}</table></details>
<p class="hint"><a href="/message/{told.id}/source">Source</a></p>""",
    )


def linked(text: str) -> str:
    """A mail's text as HTML, with what begins as a web address as a link."""
    done, pieces = 0, []
    for found in _LINK.finditer(text):
        address = found[0].rstrip(_AFTER_LINK)
        shown = escape(address)
        pieces += [
            escape(text[done : found.start()]),
            f'<a href="{shown}" target="_blank" rel="noreferrer noopener">{shown}</a>',
        ]
        done = found.start() + len(address)
    return "".join([*pieces, escape(text[done:])])


def _page(title: str, content: str, *, refresh: bool = False) -> str:
    again = f'<meta http-equiv="refresh" content="{REFRESH_S}">' if refresh else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{again}<title>{escape(title)} · Assentry mailbox</title>
<link rel="stylesheet" href="/style.css"></head><body><main>
{content}
</main></body></html>"""


def _html(body: str) -> Answer:
    return Answer(200, "text/html; charset=utf-8", body)


def _json(value: Any) -> Answer:
    return Answer(200, "application/json", json.dumps(value))


def serve(letters: Letters, host: str, port: int) -> ThreadingHTTPServer:
    """Serve the page in a thread.

    Raises:
        OSError: the port cannot be used.
    """
    server = ThreadingHTTPServer((host, port), _handler(lambda path: answer(letters, path)))
    threading.Thread(
        target=server.serve_forever, args=(0.1,), name="mailbox-page", daemon=True
    ).start()
    return server


def _handler(find: Callable[[str], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            if _PORT.sub("", self.headers.get("Host", "")) not in NAMES:
                # A page elsewhere whose name was made to point here must not read this one.
                self._answer(
                    Answer(403, "text/plain", "Call this page by the name of this machine.")
                )
            else:
                self._answer(find(self.path))

        def _answer(self, given: Answer) -> None:
            body = given.body
            data = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
            self.send_response(given.status)
            for name, value in (
                ("Content-Type", given.kind),
                ("Content-Length", str(len(data))),
                ("Content-Security-Policy", given.policy),
                ("Cross-Origin-Resource-Policy", "same-origin"),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ):
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the browser has gone on to another page
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the page asks again every few seconds."""

    return Handler
