"""The demo's process: ``python -m demo --seed FILE --folder FOLDER [--scripted]``; `./up --demo` starts it.

The agent works through its cases while people, or scripted reviewers, decide; the page stays.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from assentry import Client

from demo import agent, page, reviewers
from demo.account import Account, account
from demo.cases import load
from demo.shop import Shop


def main(arguments: list[str]) -> int:
    """Run until a signal ends it."""
    options = _options(arguments)
    seed: dict[str, Any] = json.loads(options.seed.read_text(encoding="utf-8"))
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shop, cases, over = Shop(options.folder / "ledger.jsonl"), load(), threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    with Client(options.url, seed["agent_key"]) as client:

        def look() -> Account:
            effects = shop.effects()  # first: what ran by now was approved by then
            return account([handle.request for handle in client.list()], effects, cases)

        served = page.serve(look, options.host, options.port)
        if options.scripted:
            logins = [
                reviewers.Login(one["email"], one["password"])
                for one in seed["people"]
                if one["role"] != "owner"
            ]
            reviewers.work(options.url, logins, over)
        began = time.monotonic()
        worker = threading.Thread(
            target=lambda: _work(client, shop, cases, over, began), name="demo-agent", daemon=True
        )
        worker.start()
        over.wait()
        served.shutdown()
    return 0


def _work(client: Client, shop: Shop, cases: Any, over: threading.Event, began: float) -> None:
    agent.work(client, shop, cases, over=over, say=_say)
    if not over.is_set():
        _say(
            f"The agent is through its {len(cases)} cases, after {time.monotonic() - began:.0f} s."
        )


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--seed", type=Path, required=True, help="what seed_demo --retail printed")
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the shop keeps its ledger"
    )
    parser.add_argument("--url", required=True, help="the server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of the demo's page")
    parser.add_argument("--scripted", action="store_true", help="reviewers decide by themselves")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
