"""Doing things at the same instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections


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
