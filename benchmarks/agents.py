"""What an agent pays beside its requests: a batch of steps, and the Python client around the wire."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
from assentry import Client

from benchmarks.client import run
from benchmarks.figures import Result, Row, in_ms, median
from benchmarks.product import ACTION, Product

STEP = {
    "tool": "crm.get_customer",
    "started_at": "2026-05-04T09:30:00Z",
    "ended_at": "2026-05-04T09:30:01Z",
    "status": "succeeded",
    "labels": ["data.pii"],
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    batches: int = 60
    steps: int = 100
    calls: int = 150
    rounds: int = 3


def steps(product: Product, scale: Scale | None = None) -> Result:
    """A batch of a hundred steps, one after the other; beside it a call that does nothing."""
    scale = scale or Scale()
    took, bare = run(_batches(product, scale))
    spread, floor = in_ms(took, 50, 95), in_ms(bare, 50)
    return Result(
        "steps",
        [
            Row(
                f"{scale.steps} steps in a batch, p50",
                spread["p50"],
                "ms",
                floor["p50"],
                "one call of /healthz",
                goal="≤ 20",
            ),
            Row("p95", spread["p95"], "ms"),
        ],
        {"latency_ms": spread},
    )


async def _batches(product: Product, scale: Scale) -> tuple[list[float], list[float]]:
    connection = product.connection()
    body = msgspec.json.encode({"external_id": "steps"})
    begun = await connection.call("POST", "/api/v1/runs", product.agent, body)
    path = f"/api/v1/runs/{begun.json()['id']}/steps"
    took, bare = [], []
    for number in range(scale.batches):
        batch = [{**STEP, "call_id": f"{number}-{at}"} for at in range(scale.steps)]
        body = msgspec.json.encode({"steps": batch})
        before = time.perf_counter()
        await connection.call("POST", path, product.agent, body)
        took.append(time.perf_counter() - before)
        before = time.perf_counter()
        await connection.call("GET", "/healthz")
        bare.append(time.perf_counter() - before)
    connection.close()
    return took, bare


def client(product: Product, scale: Scale | None = None) -> Result:
    """Submit and read with the Python client, in turns with the same two calls made by hand."""
    scale = scale or Scale()
    url = "http://{}:{}".format(*product.address)
    payload = {"record": "rec_1", "body": "x" * 200}
    with Client(url, product.key) as ours, httpx2.Client(base_url=url) as theirs:
        theirs.headers["Authorization"] = f"Bearer {product.key}"

        def by_client(number: int) -> Any:
            return ours.request(ACTION, payload, metadata={"n": str(number)}).refresh()

        def by_hand(number: int) -> Any:
            body = {"action": ACTION, "payload": payload, "metadata": {"n": str(number)}}
            made = theirs.post("/api/v1/requests", json=body).json()
            return theirs.get(f"/api/v1/requests/{made['id']}").json()

        over = [_difference(by_client, by_hand, scale.calls) for _ in range(scale.rounds)]
    first, second = ([pair[at] for pair in over] for at in (0, 1))
    return Result(
        "client",
        [
            Row(
                "submit and read with the client, p50",
                round(median(first), 2),
                "ms",
                round(median(second), 2),
                "the same calls by httpx2",
                goal="≤ 2 ms more",
            ),
        ],
        {"rounds_ms": [[round(a, 2), round(b, 2)] for a, b in over]},
    )


def _difference(
    one: Callable[[int], Any], other: Callable[[int], Any], calls: int
) -> tuple[float, float]:
    """The medians of both in milliseconds, taken in turns so that both meet the same machine."""
    took: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for number in range(calls):
        for way, values in zip((one, other), took, strict=True):
            before = time.perf_counter()
            way(number)
            values.append((time.perf_counter() - before) * 1000)
    return median(took[0]), median(took[1])
