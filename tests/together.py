"""Doing things at the same instant."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

from tests.promises import ask


def together(calls: Sequence[Callable[[], Any]], *, timeout: float = 30) -> list[Any]:
    """Run the calls in as many threads, released at once; what each returned or raised, in order."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout)
            return call()
        except Exception as error:  # noqa: BLE001 - what it raised is the answer
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        futures = [threads.submit(run, call) for call in calls]
        return [future.result(timeout) for future in futures]


def until_waiting(count: int, query: str = "", timeout: float = 10) -> None:
    """Wait until so many statements that hold `query` wait for a row that another transaction holds."""
    until = time.monotonic() + timeout
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock' AND query LIKE %s"
    )
    while ask(waiting, f"%{query}%")[0][0] < count:
        assert time.monotonic() < until, f"not {count} wait for what holds {query!r}"
        time.sleep(0.01)
