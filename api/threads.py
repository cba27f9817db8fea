"""A few threads for blocking work, whose results come back to the event loop in batches.

One `call_soon_threadsafe` serves every result that is ready by then: waking the loop is what a
thread hand-over costs most.  Several pools exist so that one kind of work cannot starve another.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from core.problems import unavailable

T = TypeVar("T")
#: Calls that may stand in line; more than that would only time out at their clients.
MAX_WAITING = 2_000


class Threads:
    """A pool of daemon threads that belongs to one event loop."""

    def __init__(self, size: int, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: SimpleQueue[tuple[asyncio.Future[Any], Callable[..., Any], Any] | None] = (
            SimpleQueue()
        )
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._scheduled = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def call(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run `function(*args)` in a thread.

        Raises:
            Problem: 503 when too many calls stand in line.
        """
        if self._queue.qsize() >= MAX_WAITING:
            raise unavailable("Too many calls at once. Repeat this one shortly.", code="overloaded")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((future, function, args))
        return future

    def close(self, timeout: float = 0.5) -> None:
        """Let the threads end after what stands in line; wait at most `timeout` seconds for them."""
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            future, function, args = item
            if future.cancelled():
                continue
            try:
                self._finish(future, function(*args), None)
            except BaseException as error:  # noqa: BLE001 - it is raised where the call is awaited
                self._finish(future, None, error)
            del item, future, function, args  # an idle thread must not keep the last body alive

    def _finish(
        self, future: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        # Append first, look at the flag second: `_deliver` does the reverse, so nothing is left lying.
        self._done.append((future, result, error))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.cancelled():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
