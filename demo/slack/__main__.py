"""The Slack double as a process: ``python -m demo.slack --seed FILE --app URL``; `./up --demo` starts it.

The seed is JSON: ``{"team": {"id", "name", "bot_token", "signing_secret", "app_id"},
"channels": [{"id", "name"}], "users": [{"id", "name", "email"}]}``; a user may have a ``real_name``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from demo.slack.double import Double
from runtime import parent


def main(arguments: list[str]) -> int:
    """Serve until a signal ends it; 2 where the seed is not one, or the port is taken."""
    parent.watch()
    options = _options(arguments)
    over = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    try:
        double = Double(options.app, options.host, options.port)
    except OSError as error:
        print(f"slack: {options.host}:{options.port} cannot be used: {error}", file=sys.stderr)
        return 2
    with double:
        try:
            fill(double, json.loads(options.seed.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            print(f"slack: --seed {options.seed}: {error}", file=sys.stderr)
            return 2
        print(f"slack: {double.base}/ plays Slack for {options.app}.", flush=True)
        over.wait()
    return 0


def fill(double: Double, seed: Any) -> None:
    """Add what a seed says.

    Raises:
        ValueError: it names the field that is missing or wrong.
    """
    seed = _fields(seed, "the seed")
    team = _fields(seed.get("team"), "team", "id", "bot_token", "signing_secret")
    made = double.add_team(
        team["id"],
        name=team.get("name", "Acme"),
        signing_secret=team["signing_secret"],
        bot_token=team["bot_token"],
        app_id=team.get("app_id", "A0ASSENTRY"),
    )
    for number, one in enumerate(seed.get("channels", [])):
        channel = _fields(one, f"channels[{number}]", "id", "name")
        double.add_channel(made, channel["id"], channel["name"])
    for number, one in enumerate(seed.get("users", [])):
        user = _fields(one, f"users[{number}]", "id", "name")
        more = {name: user[name] for name in ("real_name", "email") if name in user}
        double.add_user(made, user["id"], name=user["name"], **more)
    if not made.users:
        raise ValueError("users must name at least one, whom the page can be")


def _fields(found: Any, where: str, *names: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be an object")
    for name in names:
        if not isinstance(found.get(name), str) or not found[name]:
            raise ValueError(f"{where}.{name} must be a text that is not empty")
    return found


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.slack", description=__doc__)
    parser.add_argument("--seed", type=Path, required=True, help="what to play, as JSON")
    parser.add_argument(
        "--app", required=True, help="the product; people's acts go to /slack/ there"
    )
    parser.add_argument("--host", default="127.0.0.1", help="of the API and the page")
    parser.add_argument("--port", type=int, default=0, help="of the API and the page; 0: any")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
