"""Durable submits per second over HTTP ÷ pgbench running the same statements on the same server."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import limit
from benchmarks.client import Clock, for_seconds, run
from benchmarks.figures import Result, Row, in_ms, median
from benchmarks.product import Product


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    clients: int = 16
    seconds: float = 5.0
    rounds: int = 5
    warm_up_s: float = 2.0


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Alternate product and limit; the ratio is the median of the rounds' ratios."""
    scale = scale or Scale()
    first, second = limit.record(product)
    script = limit.script(first, second)
    submits(product, scale.clients, scale.warm_up_s)
    ours, limits, ratios = [], [], []
    latencies: list[float] = []
    load_cpu: list[float] = []
    costs: list[dict[str, float]] = []
    for _ in range(scale.rounds):
        before = product.usage()
        took, clock = submits(product, scale.clients, scale.seconds)
        costs.append(product.usage().since(before, len(took)))
        ours.append(len(took) / clock.wall_s)
        bench = limit.run(product, script, clients=scale.clients, seconds=scale.seconds)
        limits.append(bench.per_s)
        ratios.append(ours[-1] / bench.per_s)
        latencies += took
        load_cpu.append(clock.cpu)
    name = f"pgbench, {script.statements} prepared statements"
    spread = in_ms(latencies, 50, 95, 99)
    return Result(
        "submit",
        [
            Row(
                f"{scale.clients} clients",
                round(median(ours), 1),
                "/s",
                round(median(limits), 1),
                name,
                round(median(ratios), 3),
                "0.5, better 0.7",
            ),
            Row("p50", spread["p50"], "ms"),
            Row("p95", spread["p95"], "ms"),
        ],
        {
            "rounds": [
                {"per_s": round(a, 1), "limit": round(b, 1), "ratio": round(a / b, 3)}
                for a, b in zip(ours, limits, strict=True)
            ],
            "latency_ms": spread,
            "load_cpu": round(median(load_cpu), 2),
            "pgbench": limit.pgbench(),
            "cpu_ms_per_submit": _middle(costs),
        },
    )


def _middle(costs: list[dict[str, float]]) -> dict[str, float]:
    return {kind: median([cost.get(kind, 0.0) for cost in costs]) for kind in costs[0]}


def submits(product: Product, clients: int, seconds: float) -> tuple[list[float], Clock]:
    """So many clients submit for so long: how long each call took, and the clock of the whole."""
    connections = [product.connection() for _ in range(clients)]

    async def submit(who: int, number: int) -> None:
        await product.submit(connections[who], f"{who}_{number}")

    async def work() -> list[float]:
        try:
            return await for_seconds(seconds, clients, submit)
        finally:
            for connection in connections:
                connection.close()

    with Clock() as clock:
        took = run(work())
    return took, clock
