"""How late agents learn that nobody decided in time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.client import Clock, run
from benchmarks.figures import Result, Row, in_ms
from benchmarks.product import Product

HOLD_S = 55
#: So many submits at a time; the waiting is not bounded.
SUBMITTERS = 32


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    requests: int = 500
    life_s: int = 5


@dataclass(slots=True)
class Found:
    """Seconds after the deadline."""

    known: list[float]
    ended: list[float]
    timers: list[float]


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Deadlines that pass close together, each with an agent that waits."""
    scale = scale or Scale()
    with Clock() as clock:
        found = run(_expire(product, scale))
    spread = in_ms(found.known, 50, 95, 99)
    timers = in_ms(found.timers, 50, 95, 99)
    goals = {"p99": "≤ 1,500"}
    return Result(
        "expiry",
        [
            Row(
                f"{scale.requests} deadlines, late by, {name}",
                spread[name],
                "ms",
                max(timers[name], 0.01),
                "a bare timer in the load",
                goal=goals.get(name, ""),
            )
            for name in ("p50", "p95", "p99")
        ],
        {
            "expired": len(found.known),
            "known_ms": spread,
            "ended_ms": in_ms(found.ended, 50, 95, 99),
            "timer_ms": timers,
            "load_cpu": round(clock.cpu, 2),
        },
    )


async def _expire(product: Product, scale: Scale) -> Found:
    found = Found([], [], [])
    gate = asyncio.Semaphore(SUBMITTERS)

    async def agent(number: int) -> None:
        connection = product.connection()
        async with gate:
            submitted = await product.submit(connection, number, f"{scale.life_s}s")
        request: dict[str, Any] = submitted.json()
        deadline = _stamp(request["expires_at"])
        timer = asyncio.create_task(_timer(deadline, found.timers))
        path = f"/api/v1/requests/{request['id']}?wait={HOLD_S}"
        while request["status"] == "pending":
            request = (await connection.call("GET", path, product.agent)).json()
        if request["status"] == "expired":
            found.known.append(time.time() - deadline)
            found.ended.append(_stamp(request["ended_at"]) - deadline)
        await timer
        connection.close()

    await asyncio.gather(*(agent(number) for number in range(scale.requests)))
    return found


async def _timer(deadline: float, late: list[float]) -> None:
    await asyncio.sleep(max(0.0, deadline - time.time()))
    late.append(time.time() - deadline)


def _stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
