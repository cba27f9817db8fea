"""What the product takes at rest, and how soon it answers after a start on existing data."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.client import Connection, run
from benchmarks.figures import Result, Row, median
from benchmarks.product import Product
from runtime.postgres import EmbeddedPostgres


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    rest_s: float = 8.0
    starts: int = 3


def memory(product: Product, scale: Scale | None = None) -> Result:
    """Memory of all processes, PostgreSQL's included, after some seconds of rest."""
    scale = scale or Scale()
    time.sleep(scale.rest_s)
    found = product.memory_mib()
    return Result(
        "memory",
        [
            Row(
                "at rest, all processes",
                round(sum(found.values()), 1),
                "MiB",
                found.get("postgres"),
                "PostgreSQL's part",
                goal="≤ 400",
            )
        ],
        {"memory_mib": found, "processes": len(product.processes())},
    )


def cold_start(product: Product, scale: Scale | None = None) -> Result:
    """From the command to the first answered submit, on existing data, files in the system's cache."""
    scale = scale or Scale()
    ours, database = [], []
    for _ in range(scale.starts):
        product.stop()
        database.append(_database_alone(product))
        begun = time.perf_counter()
        product.spawn()
        run(_first_submit(product))
        ours.append(time.perf_counter() - begun)
    return Result(
        "cold_start",
        [
            Row(
                "command → first submit answered",
                round(median(ours), 2),
                "s",
                round(median(database), 2),
                "PostgreSQL alone",
                goal="≤ 4",
            )
        ],
        {"starts_s": [round(value, 2) for value in ours]},
    )


def _database_alone(product: Product) -> float:
    begun = time.perf_counter()
    with EmbeddedPostgres(product.data):
        return time.perf_counter() - begun


async def _first_submit(product: Product) -> None:
    product.wait_until_listening()
    connection = Connection(*product.address)
    await product.submit(connection, "first")
    connection.close()
