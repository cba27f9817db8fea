"""The commands."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from assentry import Client, StillPending, Stopped
from assentry.cli import audit_export as audit_export_file
from assentry.cli import execute, forward
from assentry.cli.codes import Code, of_request
from assentry.objects import Request
from assentry.settings import settings

EPILOG = (
    "ASSENTRY_URL and ASSENTRY_KEY name the server and the agent's key. Exit codes: 0 approved or "
    "answered, 2 wrong use, 110 rejected, 111 refused by policy, 112 expired, 113 cancelled, "
    "114 still pending, 115 given back, 116 the agent must stop, 117 ran before, 118 unreachable, "
    "119 another error. Of `audit verify` and `audit reconcile`: 0 right, 1 wrong, 2 wrong use."
)

app = typer.Typer(
    help="Ask people before an agent acts. This command asks; it never decides.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

audit = typer.Typer(
    help="Export the log, and check what was exported.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(audit, name="audit")

Json = Annotated[bool, typer.Option("--json", help="print the whole object as JSON")]
LogKeys = Annotated[
    list[str], typer.Option(help="the log's verifier key, or a file of such; may be repeated")
]
Anchors = Annotated[
    list[Path] | None, typer.Option(help="a checkpoint that was kept elsewhere; may be repeated")
]
Timeout = Annotated[
    float | None, typer.Option(min=0, help="seconds to wait at most; default: until it ends")
]
Summary = Annotated[str | None, typer.Option(help="what the agent says about it")]
RunId = Annotated[str | None, typer.Option("--run", help="the id of the run it belongs to")]
ExpiresIn = Annotated[str | None, typer.Option(help="a shorter deadline: 90s, 15m, 4h")]
CallbackUrl = Annotated[
    str | None,
    typer.Option(help="where its callbacks go; of the origin of one of the agent's endpoints"),
]
Once = Annotated[
    str | None,
    typer.Option("--key", help="a name of this call: repeated, it finds the same request"),
]


@app.command()
def submit(
    action: Annotated[str, typer.Argument(help="a type that the policy declares")],
    payload: Annotated[str, typer.Option(help="JSON, @FILE, or - for standard input")],
    context: Annotated[str | None, typer.Option(help="JSON or @FILE; shown to people")] = None,
    summary: Summary = None,
    run: RunId = None,
    expires_in: ExpiresIn = None,
    callback_url: CallbackUrl = None,
    key: Once = None,
    wait: Annotated[bool, typer.Option("--wait", help="wait until it has ended")] = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Ask for an action."""
    asked, stated = _object(payload, "--payload"), None
    if context is not None:
        stated = _object(context, "--context")
    with Client() as client:
        handle = client.request(
            action,
            asked,
            summary=summary,
            context=stated,
            run=run,
            expires_in=expires_in,
            callback_url=callback_url,
            idempotency_key=key,
        )
        if wait and handle.request.pending:
            _told(handle.request, as_json=False, to=sys.stderr)
            # What stands is printed, with its code.
            with contextlib.suppress(StillPending, Stopped):
                handle.wait(timeout)
        _finish([handle.request], as_json=as_json, waited=wait)


@app.command()
def wait(
    ids: Annotated[list[str], typer.Argument(help="requests, by id", metavar="ID…")],
    timeout: Timeout = None,
    any_of: Annotated[bool, typer.Option("--any", help="until one of them has ended")] = False,
    as_json: Json = False,
) -> None:
    """Wait until requests have ended, or were given back."""
    with Client() as client:
        handles = [client.get(one) for one in ids]
        with contextlib.suppress(StillPending, Stopped):
            if any_of:
                handles = list(client.wait_any(handles, timeout))
            else:
                client.wait_all(handles, timeout)
        _finish([handle.request for handle in handles], as_json=as_json, waited=True)


@app.command("list")
def list_requests(
    status: Annotated[str | None, typer.Option(help="such as pending or approved")] = None,
    action: Annotated[str | None, typer.Option(help="only this action")] = None,
    run: RunId = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="at most so many")] = 20,
    as_json: Json = False,
) -> None:
    """The agent's own requests, newest first."""
    with Client() as client:
        for number, handle in enumerate(client.list(status=status, action=action, run=run), 1):
            _told(handle.request, as_json=as_json)
            if number >= limit:
                return


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(help="what to run", metavar="-- COMMAND…")],
    action: Annotated[str, typer.Option(help="a type that the policy declares")],
    summary: Summary = None,
    run_id: RunId = None,
    expires_in: ExpiresIn = None,
    key: Once = None,
    timeout: Timeout = None,
) -> None:
    """Ask, then run exactly what was approved; its exit code is passed through."""
    with Client() as client:
        handle = client.request(
            action,
            {"argv": command, "cwd": os.getcwd()},
            summary=summary,
            run=run_id,
            expires_in=expires_in,
            idempotency_key=key,
        )
        if handle.request.pending:
            _told(handle.request, as_json=False, to=sys.stderr)
        outcome = handle.wait(timeout)
        outcome.raise_for_outcome()
        code = execute.run_approved(client, outcome)
    raise typer.Exit(code)


@app.command()
def listen(
    to: Annotated[str, typer.Option("--forward", help="where outcomes are POSTed", metavar="URL")],
    state: Annotated[Path, typer.Option(help="what was forwarded; keep it over restarts")] = Path(
        "assentry-listen.json"
    ),
    once: Annotated[bool, typer.Option("--once", help="forward what there is, then end")] = False,
) -> None:
    """Forward the outcomes of the agent's requests to an address that only you can reach."""
    with Client() as client, forward.Target(to) as target:
        forward.Forwarder(client, target, state, say=_note).work(once=once)


@app.command()
def me(as_json: Json = False) -> None:
    """Whose key it is."""
    with Client() as client:
        found = client.me()
    if as_json:
        print(json.dumps(found))
        return
    print(f"{found['name']} ({found['id']}) in {found['workspace']['slug']}: {found['state']}")
    if found["stop"]:
        print("This agent must stop.", file=sys.stderr)
        raise typer.Exit(Code.STOPPED)


@audit.command("export")
def audit_export(
    out: Annotated[Path, typer.Option(help="the file that it shall be", metavar="FILE")],
    format: Annotated[str, typer.Option(help="jsonl or csv")] = "jsonl",
    since: Annotated[str | None, typer.Option(help="from this instant on (RFC 3339)")] = None,
    until: Annotated[str | None, typer.Option(help="before this instant")] = None,
    agent: Annotated[str | None, typer.Option(help="an agent, by name or id")] = None,
    action: Annotated[str | None, typer.Option(help="requests of this action")] = None,
    role: Annotated[
        str | None, typer.Option(help="requests that this role was asked about")
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="such as approved, rejected, pending")] = None,
    kind: Annotated[str | None, typer.Option(help="a kind of event, or request.*")] = None,
    subject: Annotated[str | None, typer.Option(help="the id of what events are about")] = None,
    as_json: Json = False,
) -> None:
    """Load the log, or a part of it, with an auditor's key.  Broken off, the same command goes on."""
    given = {
        "format": format,
        "from": since,
        "until": until,
        "agent": agent,
        "action": action,
        "role": role,
        "outcome": outcome,
        "kind": kind,
        "subject": subject,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    try:
        shown = audit_export_file.Export(settings(), asked, out).run()
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror}: {out}", param_hint="--out") from None
    if as_json:
        print(json.dumps(shown))
    else:
        print(f"{out}: {shown['events']:,} events, {shown['bytes']:,} bytes of {shown['id']}")
        print(f"SHA-256 {shown['sha256']}")


@audit.command("verify")
def audit_verify(
    file: Annotated[str, typer.Argument(help="the export, also .gz; - for standard input")],
    key: LogKeys,
    anchor: Anchors = None,
    as_json: Json = False,
) -> None:
    """Check an exported log offline: no server, no key of an agent, no network."""
    with _of_the_extra():
        from assentry.cli.verify import verify
    verify(file, key, anchor or [], as_json=as_json)


@audit.command("reconcile")
def audit_reconcile(
    ledger: Annotated[Path, typer.Argument(help="what really happened, as CSV with a header")],
    log: Annotated[Path, typer.Option(help="the exported log, also .gz", metavar="FILE")],
    key: LogKeys,
    anchor: Anchors = None,
    match: Annotated[
        str | None, typer.Option(help="the column that names requests or permits")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="only this action's requests must be in the ledger")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="only what was run from this instant on")
    ] = None,
    until: Annotated[str | None, typer.Option(help="only what was run before this instant")] = None,
    as_json: Json = False,
) -> None:
    """Hold a provider's ledger against the log: what acted without approval?  Offline, as `audit verify`."""
    with _of_the_extra():
        from assentry.cli import reconcile
        from assentry.cli.verify import checked
    if str(log) == "-":
        raise typer.BadParameter("a file, which is read twice", param_hint="--log")
    expected = reconcile.Expected(action, _instant(since, "--since"), _instant(until, "--until"))
    report = checked(str(log), key, anchor or [], as_json=as_json)
    found = reconcile.reconcile(ledger, log, match=match, expected=expected, query=report.query)
    if as_json:
        print(json.dumps(reconcile.as_object(found)))
    else:
        print("\n".join(reconcile.sentences(found)))
    raise typer.Exit(0 if found.is_right else 1)


@contextlib.contextmanager
def _of_the_extra() -> Iterator[None]:
    """Around imports that need the extra ``audit``."""
    try:
        yield
    except ImportError:
        _note("assentry: checking a log needs cryptography: pip install 'assentry[audit,cli]'")
        raise typer.Exit(Code.ERROR) from None


def _instant(text: str | None, option: str) -> datetime | None:
    """An instant of RFC 3339."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
    told = "an instant with its offset, such as 2026-01-01T00:00:00Z"
    raise typer.BadParameter(told, param_hint=option)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _object(text: str, option: str) -> dict[str, Any]:
    """A JSON object from the option itself, a file or standard input."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        value = json.loads(text)
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror}: {text[1:]}", param_hint=option) from None
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=option) from None
    if not isinstance(value, dict):
        raise typer.BadParameter('a JSON object, such as {"order": "A-1"}', param_hint=option)
    return value


def _told(request: Request, *, as_json: bool, to: Any = None) -> None:
    if as_json:
        print(json.dumps(request.raw), file=to)
    else:
        print(f"{request.id} {request.status} {request.action}: {request.message}", file=to)


def _finish(requests: list[Request], *, as_json: bool, waited: bool) -> None:
    """Print what stands; the code is that of the first that is not as one would wish."""
    for request in requests:
        _told(request, as_json=as_json)
    if any(request.stop for request in requests):
        raise Stopped
    codes = [of_request(request) for request in requests]
    if not waited:
        codes = [code for code in codes if code not in (Code.PENDING, Code.RETURNED)]
    raise typer.Exit(next((code for code in codes if code != Code.FINE), Code.FINE))
