"""Agents that wait: what a parked one costs, and how soon it knows after a decision.

Zero is the moment that the decision bears (`ended_at`, the database's clock under the lock), so the
commit, the wake-up, the reading and the answer are all inside the figure.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from benchmarks.client import Clock, Connection, run
from benchmarks.figures import Result, Row, in_ms
from benchmarks.product import Product
from core.ids import decode

HOLD_S = 55
SUBMITTERS, REVIEWERS = 16, 8
#: Parked calls settle before memory is read.
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: so many wait, so many of them are decided, at this rate."""

    waiting: tuple[int, ...] = (1_000, 5_000)
    decided: int = 1_000
    per_s: float = 100.0


@dataclass(slots=True)
class Found:
    """What one crowd of waiters showed."""

    kib_each: float
    memory: dict[str, float]
    after_decision: list[float]
    after_sending: list[float]
    after_bare: list[float]
    load_cpu: float


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Each crowd in turn."""
    scale = scale or Scale()
    result = Result("waiters")
    run(product.sign_in())
    for count in scale.waiting:
        found = run(_crowd(product, count, min(scale.decided, count), scale.per_s))
        spread = in_ms(found.after_decision, 50, 95, 99)
        bare = in_ms(found.after_bare, 50, 95, 99) if found.after_bare else {}
        result.rows += [
            Row(
                f"{count:,} wait, decision → known, {name}",
                spread[name],
                "ms",
                bare.get(name),
                "a bare LISTEN",
                goal=goal,
            )
            for name, goal in (("p50", "≤ 10"), ("p95", "≤ 50"))
        ]
        result.rows.append(
            Row(f"{count:,} wait, each takes", round(found.kib_each, 1), "KiB", goal="≤ 50")
        )
        result.notes[str(count)] = {
            "decided": len(found.after_decision),
            "after_decision_ms": spread,
            "after_sending_ms": in_ms(found.after_sending, 50, 95, 99),
            "bare_listen_ms": bare,
            "memory_mib": found.memory,
            "load_cpu": round(found.load_cpu, 2),
        }
    return result


async def _crowd(product: Product, count: int, decided: int, per_s: float) -> Found:
    requests = await submitted(product, count)
    before = sum(product.memory_mib().values())
    agents = [product.connection() for _ in requests]
    knows: dict[str, tuple[float, dict[str, Any]]] = {}

    async def wait(agent: Connection, request: dict[str, Any]) -> None:
        path = f"/api/v1/requests/{request['id']}?wait={HOLD_S}"
        while request["status"] == "pending":
            request = (await agent.call("GET", path, product.agent)).json()
        knows[request["id"]] = time.time(), request

    waits = []
    for agent, request in zip(agents, requests, strict=True):
        waits.append(asyncio.create_task(wait(agent, request)))
        if len(waits) % 50 == 0:
            await asyncio.sleep(0.02)  # a crowd gathers; it does not arrive in one instant
    await asyncio.sleep(SETTLE_S + count / 2_000)
    memory = product.memory_mib()
    chosen = random.sample(list(enumerate(requests)), decided)
    heard: dict[str, float] = {}
    listener = asyncio.create_task(listen(product, heard))
    await asyncio.sleep(0.2)
    with Clock() as clock:
        sent = await decide(product, [request for _, request in chosen], per_s)
        await asyncio.wait_for(asyncio.gather(*(waits[at] for at, _ in chosen)), HOLD_S + 10)
    await asyncio.sleep(0.1)
    listener.cancel()
    await _go_away(waits, agents)
    ends = {request_id: stamp(request["ended_at"]) for request_id, (_, request) in knows.items()}
    return Found(
        kib_each=(sum(memory.values()) - before) * 1024 / count,
        memory=memory,
        after_decision=[at - ends[request_id] for request_id, (at, _) in knows.items()],
        after_sending=[at - sent[request_id] for request_id, (at, _) in knows.items()],
        after_bare=[
            heard[hexed] - ends[request_id]
            for request_id in knows
            if (hexed := decode("req", request_id).hex) in heard
        ],
        load_cpu=clock.cpu,
    )


async def _go_away(waits: list[asyncio.Task[None]], agents: Iterable[Connection]) -> None:
    for task in waits:
        task.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    for agent in agents:
        agent.close()
    await asyncio.sleep(SETTLE_S)


async def submitted(product: Product, count: int, agent: bytes = b"") -> list[dict[str, Any]]:
    """So many pending requests, of another agent than the usual one where its headers are given."""
    requests: list[dict[str, Any]] = []
    numbers = iter(range(count))

    async def submit(connection: Connection) -> None:
        for number in numbers:
            submitted = await product.submit(connection, number, agent=agent)
            requests.append(submitted.json())
        connection.close()

    await asyncio.gather(*(submit(product.connection()) for _ in range(SUBMITTERS)))
    return requests


async def decide(
    product: Product, requests: list[dict[str, Any]], per_s: float
) -> dict[str, float]:
    """Approve at an even rate; when each verdict was sent."""
    sent: dict[str, float] = {}
    begun = time.perf_counter()
    numbers = iter(range(len(requests)))

    async def review(connection: Connection) -> None:
        for number in numbers:
            await asyncio.sleep(max(0.0, begun + number / per_s - time.perf_counter()))
            sent[requests[number]["id"]] = time.time()
            await product.approve(connection, requests[number])
        connection.close()

    await asyncio.gather(*(review(product.connection()) for _ in range(REVIEWERS)))
    return sent


async def listen(product: Product, heard: dict[str, float]) -> None:
    """The least that a waiting process must do: hear the notification.  First hearing, by request."""
    with contextlib.suppress(asyncio.CancelledError):
        async with await psycopg.AsyncConnection.connect(
            product.database_url(), autocommit=True
        ) as connection:
            await connection.execute("LISTEN assentry_wake")
            async for notification in connection.notifies():
                now = time.time()
                for topic in notification.payload.split(","):
                    if topic.startswith("r:"):
                        heard.setdefault(topic[2:], now)


def stamp(text: str) -> float:
    """A moment of the API in seconds of this machine's clock."""
    return datetime.fromisoformat(text).timestamp()
