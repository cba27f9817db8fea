"""Open event streams: what each costs, and how soon its listener knows after a decision.

Zero is the decision's own time, as in `benchmarks.waiters`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import Any, cast

from benchmarks.client import CallFailed, Clock, lines, run
from benchmarks.figures import Result, Row, in_ms
from benchmarks.product import AGENT, HOST, WORKSPACE, Product
from benchmarks.waiters import SETTLE_S, decide, listen, stamp, submitted
from core.ids import decode

#: A key may have 100 streams open in a process, so a crowd needs several.
PER_KEY = 50
#: Streams that connect at once.
TOGETHER = 20
KNOWN_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: so many streams, so many of their requests are decided, at this rate."""

    open: int = 500
    decided: int = 200
    per_s: float = 50.0


class Listener(asyncio.Protocol):
    """One stream: hears the first state, then the outcome."""

    def __init__(self, head: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._head = head
        self._buffer = b""
        self._answered = False
        self.begun: asyncio.Future[None] = loop.create_future()
        #: When the outcome was heard, and the request in it.
        self.outcome: asyncio.Future[tuple[float, dict[str, Any]]] = loop.create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """A piece of the stream; whole events are taken from it."""
        now = time.time()
        if not self._answered:
            self._answered = True
            if not data.startswith(b"HTTP/1.1 200"):
                self._fail(f"no stream was opened: {data[:300]!r}")
        *events, self._buffer = (self._buffer + data).split(b"\n\n")
        for event in events:
            if b"event: request.pending" in event and not self.begun.done():
                self.begun.set_result(None)
            elif b"event: request.approved" in event and not self.outcome.done():
                said = event.partition(b"\ndata: ")[2]
                self.outcome.set_result((now, json.loads(said)))

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream ended; whoever still waits for it is told."""
        self._fail(f"the stream ended: {self._buffer[:300]!r}")

    def _fail(self, why: str) -> None:
        for future in (self.begun, self.outcome):
            if not future.done():
                future.set_exception(CallFailed(why))
                future.exception()  # the one who never asks shall not be warned

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()


def measure(product: Product, scale: Scale | None = None) -> Result:
    """One crowd."""
    scale = scale or Scale()
    run(product.sign_in())
    return run(_crowd(product, scale))


async def _crowd(product: Product, scale: Scale) -> Result:
    keys = _keys(product, -(-scale.open // PER_KEY))
    requests = await submitted(product, scale.open)
    await _warm(product, requests, keys)
    before = product.memory_mib()
    listeners = await _opened(product, requests, keys)
    await asyncio.sleep(SETTLE_S)
    memory = product.memory_mib()
    chosen = random.sample(range(scale.open), scale.decided)
    bare: dict[str, float] = {}
    listening = asyncio.create_task(listen(product, bare))
    await asyncio.sleep(0.2)
    try:
        with Clock() as clock:
            sent = await decide(product, [requests[at] for at in chosen], scale.per_s)
            async with asyncio.timeout(KNOWN_WITHIN_S):
                heard = [await listeners[at].outcome for at in chosen]
        await asyncio.sleep(0.1)
    finally:
        listening.cancel()
        for listener in listeners:
            listener.close()
    grown = {kind: round(memory[kind] - before.get(kind, 0.0), 1) for kind in memory}
    ends = {shown["id"]: (at, stamp(shown["ended_at"])) for at, shown in heard}
    return _result(
        scale,
        kib_each=sum(grown.values()) * 1024 / scale.open,
        after_decision=[at - end for at, end in ends.values()],
        after_sending=[at - sent[request_id] for request_id, (at, _) in ends.items()],
        after_bare=[
            bare[hexed] - end
            for request_id, (_, end) in ends.items()
            if (hexed := decode("req", request_id).hex) in bare
        ],
        notes={"memory_mib": memory, "grown_mib": grown, "load_cpu": round(clock.cpu, 2)},
    )


async def _warm(product: Product, requests: list[dict[str, Any]], keys: list[bytes]) -> None:
    """Open a few and hang up: what every process loads at its first streams is not a stream's cost."""
    for listener in await _opened(product, requests[:TOGETHER], keys):
        listener.close()
    await asyncio.sleep(SETTLE_S)


def _keys(product: Product, count: int) -> list[bytes]:
    """Headers of so many keys of the agent."""
    made = [
        product.manage("key_create", WORKSPACE, "--kind", "agt", "--agent", AGENT)
        for _ in range(count)
    ]
    return [lines({"authorization": f"Bearer {one['key']}"}) for one in made]


async def _opened(
    product: Product, requests: list[dict[str, Any]], keys: list[bytes]
) -> list[Listener]:
    """A stream for each request, each of which has heard its first state."""
    loop = asyncio.get_running_loop()
    listeners = []
    for number, request in enumerate(requests):
        head = b"GET /api/v1/requests/%b/events HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (
            request["id"].encode(),
            HOST.encode(),
            keys[number % len(keys)],
        )
        listener = Listener(head)
        await loop.create_connection(lambda one=listener: one, HOST, product.port)  # type: ignore[misc]
        listeners.append(listener)
        if len(listeners) % TOGETHER == 0:
            await asyncio.gather(*(one.begun for one in listeners[-TOGETHER:]))
    await asyncio.gather(*(one.begun for one in listeners))
    return listeners


def _result(
    scale: Scale,
    *,
    kib_each: float,
    after_decision: list[float],
    after_sending: list[float],
    after_bare: list[float],
    notes: dict[str, Any],
) -> Result:
    spread = in_ms(after_decision, 50, 95, 99)
    bare = in_ms(after_bare, 50, 95, 99) if after_bare else {}
    rows = [
        Row(
            f"{scale.open:,} streams, decision → told, {name}",
            spread[name],
            "ms",
            bare.get(name),
            "a bare LISTEN",
            goal=goal,
        )
        for name, goal in (("p50", "≤ 10"), ("p95", "≤ 50"))
    ]
    rows.append(Row(f"{scale.open:,} streams, each takes", round(kib_each, 1), "KiB", goal="≤ 50"))
    about = {
        "decided": len(after_decision),
        "after_decision_ms": spread,
        "after_sending_ms": in_ms(after_sending, 50, 95, 99),
        "bare_listen_ms": bare,
        **notes,
    }
    return Result("streams", rows, {str(scale.open): about})
