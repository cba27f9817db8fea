"""Whole round trips: submit, find it in the inbox, decide, read; nobody waits for anything.

The same calls as the `calls` phase of the comparison with other systems.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.client import CallFailed, Clock, Connection, for_seconds, run
from benchmarks.figures import Result, Row, in_ms, median, percentile
from benchmarks.product import Product

CALLS = 4
SEEN_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    agents: int = 16
    seconds: float = 6.0
    rounds: int = 3
    warm_up_s: float = 2.0


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Trips per second and their latency; beside it the same number of calls that do nothing."""
    scale = scale or Scale()
    run(product.sign_in())
    _trips(product, scale.agents, scale.warm_up_s)
    rates, bares, ratios, load_cpu = [], [], [], []
    latencies: list[float] = []
    parts: dict[str, list[float]] = defaultdict(list)
    costs = []
    for _ in range(scale.rounds):
        before = product.usage()
        took, pieces, clock = _trips(product, scale.agents, scale.seconds)
        costs.append(product.usage().since(before, len(took)))
        rates.append(len(took) / clock.wall_s)
        bares.append(_bare(product, scale.agents, scale.seconds / 3) / CALLS)
        ratios.append(rates[-1] / bares[-1])
        latencies += took
        load_cpu.append(clock.cpu)
        for name, values in pieces.items():
            parts[name] += values
    alone, _, _ = _trips(product, 1, min(2.0, scale.seconds))
    spread = in_ms(latencies, 50, 95)
    return Result(
        "roundtrip",
        [
            Row(
                f"{scale.agents} agents and reviewers",
                round(median(rates), 1),
                "/s",
                round(median(bares), 1),
                f"{CALLS} calls of /healthz",
                round(median(ratios), 3),
                "3 × the fastest peer",
            ),
            Row("p50", spread["p50"], "ms"),
            Row("p95", spread["p95"], "ms"),
            Row("p50 of one alone", in_ms(alone, 50)["p50"], "ms", goal="≤ 15"),
        ],
        {
            "rounds": [round(rate, 1) for rate in rates],
            "parts_p50_ms": {k: round(percentile(v, 0.5) * 1e3, 2) for k, v in parts.items()},
            "load_cpu": round(median(load_cpu), 2),
            "cpu_ms_per_trip": {
                kind: median([cost.get(kind, 0.0) for cost in costs]) for kind in costs[0]
            },
        },
    )


def _trips(
    product: Product, agents: int, seconds: float
) -> tuple[list[float], dict[str, list[float]], Clock]:
    connections = [product.connection() for _ in range(agents)]
    pieces: dict[str, list[float]] = defaultdict(list)

    async def trip(who: int, number: int) -> None:
        await one_trip(product, connections[who], f"{who}_{number}", pieces)

    async def work() -> list[float]:
        try:
            return await for_seconds(seconds, agents, trip)
        finally:
            for connection in connections:
                connection.close()

    with Clock() as clock:
        took = run(work())
    return took, pieces, clock


async def one_trip(
    product: Product, connection: Connection, number: str, pieces: dict[str, list[float]]
) -> None:
    """One round trip; how long each call took goes to `pieces`.

    Raises:
        CallFailed: a call failed, the request never showed, or the agent read another end.
    """
    marks = [time.perf_counter()]
    submitted = (await product.submit(connection, number)).json()
    marks.append(time.perf_counter())
    shown = await _find(product, connection, submitted["id"])
    marks.append(time.perf_counter())
    await product.approve(connection, shown)
    marks.append(time.perf_counter())
    path = f"/api/v1/requests/{submitted['id']}"
    known = (await connection.call("GET", path, product.agent)).json()
    marks.append(time.perf_counter())
    if known["status"] != "approved":
        raise CallFailed(f"the agent reads {known['status']}")
    for name, begun, ended in zip(
        ("submit", "list", "decide", "read"), marks, marks[1:], strict=False
    ):
        pieces[name].append(ended - begun)


async def _find(product: Product, connection: Connection, request_id: str) -> dict[str, object]:
    until = time.monotonic() + SEEN_LIMIT_S
    while time.monotonic() < until:
        page = (
            await connection.call("GET", "/api/v1/inbox?order=created&limit=50", product.reviewer)
        ).json()
        for item in page["results"]:
            if item["id"] == request_id:
                found: dict[str, object] = item
                return found
        await asyncio.sleep(0.01)
    raise CallFailed("the reviewer never saw the request")


def _bare(product: Product, clients: int, seconds: float) -> float:
    connections = [product.connection() for _ in range(clients)]

    async def ask(who: int, number: int) -> None:
        await connections[who].call("GET", "/healthz")

    async def work() -> list[float]:
        try:
            return await for_seconds(seconds, clients, ask)
        finally:
            for connection in connections:
                connection.close()

    with Clock() as clock:
        took = run(work())
    return len(took) / clock.wall_s
