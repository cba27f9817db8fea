"""The demo's own page: what ran, who said yes to it, and that nothing ran without.

It has no script, shows everything as text, and answers only to names of this machine.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from assentry import AssentryError

from demo.account import NONE_OF, Account, Line

#: Seconds until a browser asks again.
REFRESH_S: Final = 5
NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PORT: Final = re.compile(r":\d+$")
POLICY: Final = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --mute: #777; --ok: #17683f; --no: #b3261e; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1080px; padding: 24px 20px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 26px 0 8px; }
.proof { border: 1px solid var(--line); border-left: 5px solid var(--ok); border-radius: 8px; padding: 12px 16px; margin: 16px 0; }
.proof.bad { border-left-color: var(--no); } .proof b { font-size: 17px; }
.sums { display: flex; flex-wrap: wrap; gap: 8px 22px; padding: 0; margin: 12px 0; list-style: none; }
.sums b { font-variant-numeric: tabular-nums; } .sums .bad { color: var(--no); }
code { font-size: 12px; color: var(--mute); }
.hint { color: var(--mute); font-size: 13px; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 7px 10px 7px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { font-size: 13px; color: var(--mute); font-weight: 600; border: 0; }
details summary { cursor: pointer; color: var(--mute); font-size: 13px; }
.ran { color: var(--ok); } .no { color: var(--no); }
@media (max-width: 700px) { table, tbody, tr, td { display: block; } th { display: none; } td { border: 0; padding: 1px 0; } tr { border-top: 1px solid var(--line); padding: 8px 0; display: block; } }
"""


def render(account: Account) -> str:
    """The page as HTML."""
    wrong = "".join(
        f"<tr><td><code>{escape(one.effect.request)}</code></td><td>{escape(one.effect.action)}</td>"
        f"<td>{escape(one.why)}</td><td>{escape(one.effect.at)}</td></tr>"
        for one in account.unapproved
    )
    ran = "".join(_ran(line) for line in account.lines if line.ran_at)
    rest = "".join(_rest(line) for line in account.lines if not line.ran_at)
    tables = [
        _table("wrong", "Without their yes", ("Request", "Action", "Why", "Ran"), wrong),
        _table("ran", "What ran", ("Effect", "Basis", "Who said yes", "Ran (UTC)"), ran),
        _table("rest", "What did not run", ("Asked", "Outcome", "Who decided"), rest),
    ]
    return _page(
        f"""<p class="hint">{account.cases} cases of a shop's customer service, replayed. Reading is free; changing anything asks.</p>
<div class="proof{"" if account.holds else " bad"}"><b>{escape(verdict(account))}</b>
<p class="hint">Each effect of the shop's own ledger was held against the server's request: approved, for this action, for exactly this payload, once.</p></div>
<ul class="sums">{"".join(_sum(name, n) for name, n in account.sums.items())}</ul>
<ul class="sums hint">{"".join(_sum(name, n) for name, n in sorted(account.counts.items()))}</ul>
{"".join(tables)}"""
    )


def verdict(account: Account) -> str:
    """What the account comes to, in one sentence."""
    if account.unapproved:
        return f"{len(account.unapproved)} effects have no yes to exactly what ran."
    if not account.holds:
        return "Something is reported as done that the shop's ledger does not know."
    return "Nothing ran without its yes."


def _page(content: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_S}"><title>What ran · Assentry demo</title>
<link rel="stylesheet" href="/style.css"></head><body><main>
<h1>What the agent did</h1>
{content}
</main></body></html>"""


def _sum(name: str, number: int) -> str:
    bad = ' class="bad"' if name in NONE_OF and number else ""
    return f"<li{bad}><b>{number}</b> {escape(name)}</li>"


def _table(name: str, title: str, columns: Sequence[str], rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{column}</th>" for column in columns)
    return (
        f'<h2>{title}</h2><table id="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _ran(line: Line) -> str:
    clock = escape(line.ran_at[11:19])  # the time of day; the whole instant on demand
    return (
        f"<tr>{_asked(line)}{_decided(line)}"
        f'<td><time class="ran" title="{escape(line.ran_at)}">{clock}</time></td></tr>'
    )


def _rest(line: Line) -> str:
    return f"<tr>{_asked(line)}{_decided(line)}</tr>"


def _decided(line: Line) -> str:
    """Outcome and who; where people are named beside it, the outcome need not say that it was people."""
    outcome = line.outcome.replace(" by people", "") if line.by else line.outcome
    who = ", ".join(line.by) or line.basis
    return f"<td>{escape(outcome)}</td><td>{escape(who)}</td>"


def _asked(line: Line) -> str:
    return (
        f'<td><a href="{escape(line.page)}">{escape(line.title)}</a> <code>{escape(line.id)}</code>'
        f"<details><summary>{escape(line.run)}</summary>{escape(line.case)}</details></td>"
    )


def report(account: Account) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "holds": account.holds,
        "cases": account.cases,
        "sums": dict(account.sums),
        "counts": dict(account.counts),
        "unapproved": [asdict(one) for one in account.unapproved],
        "lines": [asdict(line) for line in account.lines],
    }


def text(account: Account) -> str:
    """The same for a terminal: the sums, and what is wrong."""
    sums = [f"{number:6} {name}" for name, number in account.sums.items()]
    wrong = [
        f"       {one.effect.request} {one.effect.action}: {one.why}" for one in account.unapproved
    ]
    return "\n".join([verdict(account), "", *sums, *wrong])


def serve(look: Callable[[], Account], host: str, port: int) -> ThreadingHTTPServer:
    """Serve the page in a thread; `look` makes the account anew for each call.

    Raises:
        OSError: the port cannot be used.
    """
    server = ThreadingHTTPServer((host, port), _handler(look))
    threading.Thread(target=server.serve_forever, name="demo-page", daemon=True).start()
    return server


def _handler(look: Callable[[], Account]) -> type[BaseHTTPRequestHandler]:
    known: dict[str, tuple[str, Callable[[], str]]] = {
        "/": ("text/html; charset=utf-8", lambda: render(look())),
        "/report.json": ("application/json", lambda: json.dumps(report(look()))),
        "/style.css": ("text/css; charset=utf-8", lambda: STYLE),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, write = known.get(self.path, ("", str))
            if _PORT.sub("", self.headers.get("Host", "")) not in NAMES:
                # A page elsewhere whose name was made to point here must not read this one.
                self._answer(403, "text/plain", "Call this page by the name of this machine.")
            elif not kind:
                self._answer(404, "text/plain", "There is nothing here.")
            else:
                try:
                    self._answer(200, kind, write())
                except AssentryError as error:
                    away = _page(
                        f'<p class="proof bad">The server did not say: {escape(str(error))}</p>'
                    )
                    self._answer(503, "text/html; charset=utf-8", away)

        def _answer(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in (
                ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("Content-Security-Policy", POLICY),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the page asks again every few seconds."""

    return Handler
