"""The demo's process: ``python -m demo --seed FILE --folder FOLDER --url URL``; `./up --demo` starts it.

The agent works through its cases while people, or scripted reviewers, decide; the page stays.  With
``--report`` it only says what ran and who said yes, and fails where something had no yes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from assentry import Client

from demo import agent, page, reviewers
from demo.account import Account, account
from demo.cases import load
from demo.shop import Shop
from runtime import parent


def main(arguments: list[str]) -> int:
    """Run until a signal ends it, or report: 0 where nothing ran without its yes, else 1."""
    parent.watch()
    options = _options(arguments)
    seed: dict[str, Any] = json.loads(options.seed.read_text(encoding="utf-8"))
    shop = Shop(options.folder / "ledger.jsonl")
    with Client(options.url, seed["agent_key"]) as client:
        look = _look(client, shop)
        if not options.report:
            options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _work(client, shop, look, options, seed)
        found = look()
        _print(json.dumps(page.report(found)) if options.json else page.text(found))
        return 0 if found.holds else 1


def _look(client: Client, shop: Shop) -> Callable[[], Account]:
    cases = load()

    def look() -> Account:
        effects = shop.effects()  # first: what ran by now was approved by then
        return account([handle.request for handle in client.list()], effects, cases)

    return look


def _work(
    client: Client,
    shop: Shop,
    look: Callable[[], Account],
    options: argparse.Namespace,
    seed: dict[str, Any],
) -> NoReturn:
    over = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    page.serve(look, options.host, options.port)
    if options.scripted:
        logins = [
            reviewers.Login(one["email"], one["password"])
            for one in seed["people"]
            if one["role"] != "owner"
        ]
        reviewers.work(options.url, logins, over, _say)
    worker = threading.Thread(
        target=_work_through, args=(client, shop, over), name="demo-agent", daemon=True
    )
    worker.start()
    over.wait()
    sys.stdout.flush()
    # Threads wait for people, perhaps for hours, and there is nothing to put away: what ran is on the
    # disk, and what was asked is at the server.  No run ends as failed because this process ends.
    os._exit(0)


def _work_through(client: Client, shop: Shop, over: threading.Event) -> None:
    cases, began = load(), time.monotonic()
    agent.work(client, shop, cases, over=over, say=_say)
    if not over.is_set():
        _say(
            f"The agent is through its {len(cases)} cases, after {time.monotonic() - began:.0f} s."
        )


def _say(text: str) -> None:
    _print(f"demo: {text}")


def _print(text: str) -> None:
    print(text, flush=True)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--seed", type=Path, required=True, help="what seed_demo --retail printed")
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the shop keeps its ledger"
    )
    parser.add_argument("--url", required=True, help="the server")
    parser.add_argument("--host", default="127.0.0.1", help="of the demo's page")
    parser.add_argument("--port", type=int, help="of the demo's page")
    parser.add_argument("--scripted", action="store_true", help="reviewers decide by themselves")
    parser.add_argument("--report", action="store_true", help="say what ran, and end")
    parser.add_argument("--json", action="store_true", help="report in JSON")
    options = parser.parse_args(arguments)
    if not options.report and options.port is None:
        parser.error("--port is required without --report")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
