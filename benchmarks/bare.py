"""What delivering costs without delivering: ``requests.Session`` in a loop, as a process of its own.

Reads ``{"url", "senders", "messages": [{"path", "headers", "body"}, …]}`` and sends each once, with so
many threads, each with a session of its own.  Prints how long each took, in seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import requests

from benchmarks.product import ROOT, NotReady
from benchmarks.receiver import Arrived, Receiver

#: What the library writes itself.
_FRAMING = frozenset({"host", "content-length", "connection"})


def send(receiver: Receiver, messages: Iterable[Arrived], senders: int) -> list[float]:
    """Send the same bytes to the same paths again; how long each took, in seconds.

    Raises:
        NotReady: it failed.
    """
    asked = {
        "url": receiver.url(""),
        "senders": senders,
        "messages": [
            {"path": one.path, "headers": one.headers, "body": one.body} for one in messages
        ],
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare"],
        cwd=ROOT,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotReady(f"the bare loop failed: {done.stderr[-1000:]}")
    took: list[float] = json.loads(done.stdout)
    return took


def _send(url: str, messages: SimpleQueue[dict[str, Any]], took: list[float]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        while True:
            try:
                message = messages.get_nowait()
            except Empty:
                return
            begun = time.perf_counter()
            answer = session.post(
                url + message["path"],
                data=message["body"],
                headers=message["headers"],
                timeout=15,
                allow_redirects=False,
            )
            answer.raise_for_status()
            took.append(time.perf_counter() - begun)


def main() -> int:
    """Send what stands in the input."""
    asked = json.loads(sys.stdin.read())
    messages: SimpleQueue[dict[str, Any]] = SimpleQueue()
    for one in asked["messages"]:
        headers = {name: value for name, value in one["headers"].items() if name not in _FRAMING}
        messages.put({"path": one["path"], "headers": headers, "body": one["body"].encode()})
    count, took = messages.qsize(), list[float]()
    threads: Sequence[threading.Thread] = [
        threading.Thread(target=_send, args=(asked["url"], messages, took))
        for _ in range(asked["senders"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(took))
    return 0 if len(took) == count else 1


if __name__ == "__main__":
    sys.exit(main())
