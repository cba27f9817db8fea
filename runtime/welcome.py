"""The text that tells a newcomer where the page is, and how to sign in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runtime.folder import write_private
from runtime.options import Options

FILE = "welcome.json"


def keep(data: Path, base_url: str, last_line: str) -> None:
    """Keep what `seed_demo` printed: the only copy of these passwords and of the key."""
    said = json.loads(last_line)
    write_private(data / FILE, json.dumps({"base_url": base_url, **said}, indent=1) + "\n")


def load(data: Path) -> dict[str, Any] | None:
    """What was kept, or None when this instance was not seeded here."""
    try:
        found: dict[str, Any] = json.loads((data / FILE).read_text())
    except (OSError, ValueError):
        return None
    return found


def text(options: Options, seconds: float, mailbox: str | None = None) -> str:
    """The lines to print once the product answers.

    `seconds` is how long the start took, `mailbox` the address of the page that shows its mails.
    """
    lines = ["", f"Assentry is running at {options.base_url} (ready after {seconds:.1f} s)."]
    known = load(options.data)
    if known:
        said = json.loads(
            json.dumps(known).replace(json.dumps(known["base_url"])[1:-1], options.base_url)
        )
        lines += ["", f"  Page   {said['page']}"]
        lines += [
            f"  {'Sign in' if number == 0 else '       '}  {person['email']}  "
            f"{person['password']}  ({person['role']})"
            for number, person in enumerate(said["people"])
        ]
        lines += [
            f"  Agent's key  {said['agent_key']}",
            "",
            "  Submit a request and wait for the decision (in another terminal):",
            "",
            said["curl"],
        ]
    if mailbox:
        lines += ["", f"  Mail   {mailbox}  (every mail lands there, and goes nowhere else)"]
    if options.development:
        lines += ["", "  Callbacks may go to this machine (ASSENTRY_EGRESS_ALLOW)."]
    lines += ["", f"  Data in {options.data}. Ctrl-C ends everything.", ""]
    return "\n".join(lines)
