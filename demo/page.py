"""The demo's own page: what ran, who said yes to it, and that nothing ran without."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from demo.account import Account, Line

POLICY: Final = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --mute: #777; --ok: #17683f; --no: #b3261e; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1080px; padding: 24px 20px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 26px 0 8px; }
.proof { border: 1px solid var(--line); border-left: 5px solid var(--ok); border-radius: 8px; padding: 12px 16px; margin: 16px 0; }
.proof.bad { border-left-color: var(--no); } .proof b { font-size: 17px; }
.sums { display: flex; flex-wrap: wrap; gap: 8px 22px; padding: 0; margin: 12px 0; list-style: none; }
.sums b { font-variant-numeric: tabular-nums; }
.hint { color: var(--mute); font-size: 13px; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 7px 10px 7px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { font-size: 13px; color: var(--mute); font-weight: 600; border: 0; }
details summary { cursor: pointer; color: var(--mute); font-size: 13px; }
.ran { color: var(--ok); } .no { color: var(--no); }
@media (max-width: 700px) { table, tbody, tr, td { display: block; } th { display: none; } td { border: 0; padding: 1px 0; } tr { border-top: 1px solid var(--line); padding: 8px 0; display: block; } }
"""


def render(account: Account) -> str:
    """The page as HTML."""
    bad = bool(account.unapproved)
    said = (
        f"{len(account.unapproved)} effects have no yes to exactly what ran."
        if bad
        else "Nothing ran without its yes."
    )
    sums = "".join(
        f"<li><b>{count}</b> {escape(name)}</li>" for name, count in sorted(account.counts.items())
    )
    rows = "".join(_row(line) for line in account.lines)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="3"><title>What ran · Assentry demo</title>
<link rel="stylesheet" href="/style.css"></head><body><main>
<h1>What the agent did</h1>
<p class="hint">{account.cases} cases of a shop's customer service, replayed. Reading is free; changing anything asks.</p>
<div class="proof{" bad" if bad else ""}"><b>{said}</b>
<p class="hint">Each effect of the shop's own ledger was held against the server's request: approved, for this action, for exactly this payload.</p></div>
<ul class="sums">{sums}</ul>
<h2>Newest first</h2>
<table><thead><tr><th>Asked</th><th>Outcome</th><th>Ran (UTC)</th></tr></thead><tbody>{rows}</tbody></table>
</main></body></html>"""


def _row(line: Line) -> str:
    outcome = escape(line.outcome)
    if line.by:
        outcome = (
            f"{escape(line.outcome.replace(' by people', ''))} by {escape(', '.join(line.by))}"
        )
    clock = escape(line.ran_at[11:19])  # the time of day; the whole instant on demand
    ran = f'<time class="ran" title="{escape(line.ran_at)}">{clock}</time>' if clock else "–"
    return (
        f'<tr><td><a href="{escape(line.page)}">{escape(line.title)}</a>'
        f"<details><summary>{escape(line.run)}</summary>{escape(line.case)}</details></td>"
        f"<td>{outcome}</td><td>{ran}</td></tr>"
    )


def report(account: Account) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "cases": account.cases,
        "counts": dict(account.counts),
        "unapproved": [asdict(effect) for effect in account.unapproved],
        "lines": [asdict(line) for line in account.lines],
    }


def serve(look: Callable[[], Account], host: str, port: int) -> ThreadingHTTPServer:
    """Serve the page in a thread; `look` makes the account anew for each call.

    Raises:
        OSError: the port cannot be used.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known: dict[str, tuple[str, Callable[[], str]]] = {
                "/": ("text/html; charset=utf-8", lambda: render(look())),
                "/report.json": ("application/json", lambda: json.dumps(report(look()))),
                "/style.css": ("text/css; charset=utf-8", lambda: STYLE),
            }
            kind, write = known.get(self.path, ("", str))
            self._answer(200 if kind else 404, kind or "text/plain", write())

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

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="demo-page", daemon=True).start()
    return server
