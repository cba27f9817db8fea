"""Permits: what a tool pays to check one offline, and how many the server lets be used in a second."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from assentry.tools import ToolClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks import limit
from benchmarks.client import Clock, Connection, run
from benchmarks.figures import Result, Row, in_ms, median
from benchmarks.product import FREE_ACTION, WORKSPACE, NotReady, Product, bearer
from core import ids

SUBMITTERS = 16
#: Permits that are used, by both, before the figures are taken.
RECORDED = 3
#: What the statements name, and what stands in these tables under it.
_RENAME = (
    "UPDATE approvals_request SET id = n.new FROM named n WHERE id = n.old",
    "UPDATE approvals_revision SET request_id = n.new FROM named n WHERE request_id = n.old",
    "UPDATE approvals_permit SET request_id = n.new FROM named n WHERE request_id = n.old",
    "UPDATE approvals_permit SET id = n.new FROM named n WHERE id = n.old",
)
_TABLES = ("approvals_request", "approvals_revision", "approvals_permit")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    permits: int = 200
    checks: int = 5_000
    clients: int = 16
    #: By each client in a round.
    used: int = 200
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Issued:
    """A permit as its agent holds it."""

    id: UUID
    request: UUID
    token: str
    payload: dict[str, str]
    #: ``sha256:…`` of the payload.
    digest: str


def verify(product: Product, scale: Scale | None = None) -> Result:
    """Token and payload checked with the Python client; beside it the bare signature."""
    scale = scale or Scale()
    permits = run(issued(product, scale.permits))
    tool = product.manage("key_create", WORKSPACE, "--kind", "tool", "--name", "bench")
    audience = f"{product.origin}/workspaces/{WORKSPACE}"
    took, bare = [], []
    with ToolClient(product.origin, str(tool["key"]), audience=audience) as client:
        client.permit(permits[0].token)  # fetches the keys
        keys = _public_keys(product)
        for number in range(scale.checks):
            one = permits[number % len(permits)]
            before = time.perf_counter()
            client.permit(one.token).verify(FREE_ACTION, one.payload)
            took.append(time.perf_counter() - before)
            before = time.perf_counter()
            _signature(keys, one.token)
            bare.append(time.perf_counter() - before)
    spread, floor = in_ms(took, 50, 99), in_ms(bare, 50, 99)
    return Result(
        "permits",
        [
            Row(
                f"checked offline, {name}",
                spread[name],
                "ms",
                floor[name],
                "the bare signature",
                goal="≤ 1",
            )
            for name in ("p50", "p99")
        ],
        {"checked": len(took), "took_ms": spread, "bare_ms": floor},
    )


def _public_keys(product: Product) -> dict[str, Ed25519PublicKey]:
    async def ask() -> Any:
        connection = product.connection()
        try:
            return (await connection.call("GET", "/.well-known/jwks.json")).json()
        finally:
            connection.close()

    return {
        one["kid"]: Ed25519PublicKey.from_public_bytes(_decoded(one["x"]))
        for one in run(ask())["keys"]
    }


def _signature(keys: dict[str, Ed25519PublicKey], token: str) -> None:
    head, _, signature = token.rpartition(".")
    kid = msgspec.json.decode(_decoded(head.partition(".")[0]))["kid"]
    keys[kid].verify(_decoded(signature), head.encode())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def consume(product: Product, scale: Scale | None = None) -> Result:
    """Permits used over HTTP ÷ pgbench running the same statements on as many permits.

    Both use permits that were made in the same way, through the API.
    """
    scale = scale or Scale()
    each = scale.clients * scale.used
    tool = product.manage("key_create", WORKSPACE, "--kind", "tool", "--name", "bench")
    permits = run(issued(product, RECORDED + 2 * scale.rounds * each, same=True))
    script, recorded = _script(product, str(tool["key"]), permits[:RECORDED])
    batches = [permits[start : start + each] for start in range(RECORDED, len(permits), each)]
    stamps = _renamed(product, script, recorded, batches[1::2], scale)
    ours, limits, ratios, costs = [], [], [], []
    took: list[float] = []
    for batch, stamp in zip(batches[::2], stamps, strict=True):
        before = product.usage()
        latencies, clock = _used(product, bearer(str(tool["key"])), batch, scale.clients)
        costs.append(product.usage().since(before, len(latencies)))
        ours.append(len(latencies) / clock.wall_s)
        bench = limit.run(
            product, script, clients=scale.clients, transactions=scale.used, stamp=stamp
        )
        limits.append(bench.per_s)
        ratios.append(ours[-1] / bench.per_s)
        took += latencies
    spread = in_ms(took, 50, 95, 99)
    return Result(
        "consume",
        [
            Row(
                f"{scale.clients} clients",
                round(median(ours), 1),
                "/s",
                round(median(limits), 1),
                f"pgbench, {script.statements} prepared statements",
                round(median(ratios), 3),
                "≥ 0.7",
            ),
            Row("p50", spread["p50"], "ms"),
            Row("p95", spread["p95"], "ms"),
        ],
        {
            "rounds": [
                {"per_s": round(a, 1), "limit": round(b, 1), "ratio": round(a / b, 3)}
                for a, b in zip(ours, limits, strict=True)
            ],
            "used": len(took),
            "latency_ms": spread,
            "cpu_ms": {kind: median([one.get(kind, 0.0) for one in costs]) for kind in costs[0]},
        },
    )


def _script(
    product: Product, key: str, permits: Sequence[Issued]
) -> tuple[limit.Script, tuple[str, str]]:
    """What pgbench runs, and how the recording called its permit and its request."""
    asked = [
        {
            "authorization": f"Bearer {key}",
            "permit": ids.encode("pmt", one.id),
            "digest": one.digest.partition(":")[2],
        }
        for one in permits
    ]
    first, second = limit.recorded(product, "consume", asked)
    return limit.script(first, second), (permits[1].id.hex, permits[1].request.hex)


def _renamed(
    product: Product,
    script: limit.Script,
    recorded: tuple[str, str],
    batches: Sequence[Sequence[Issued]],
    scale: Scale,
) -> list[str]:
    """Give permits and requests the ids that pgbench can count up; its stamp for each batch.

    The other half gets new ids as well, so that all rows lie alike; foreign keys and triggers look
    away for the time being, and statistics are taken.
    """
    stamps = []
    old, new = [], []
    for number, batch in enumerate(batches):
        stamps.append(limit.new_stamp()[:-1] + f"{number:x}")
        for at, one in enumerate(batch):
            client, which = at % scale.clients, at // scale.clients + 1
            for before, name in zip((one.id, one.request), recorded, strict=True):
                old.append(before)
                new.append(UUID(script.id_of(name, stamps[-1], client, which)))
    with psycopg.connect(product.superuser_url(), autocommit=True) as conn:
        with conn.transaction():
            conn.execute("SET LOCAL session_replication_role = replica")
            conn.execute("CREATE TEMPORARY TABLE named (old uuid PRIMARY KEY, new uuid)")
            conn.execute(
                "INSERT INTO named SELECT * FROM unnest(%s::uuid[], %s::uuid[])", (old, new)
            )
            for statement in _RENAME:
                conn.execute(statement)
        for table in _TABLES:
            conn.execute(f"VACUUM (ANALYZE) {table}")
    return stamps


def _used(
    product: Product, tool: bytes, permits: Sequence[Issued], clients: int
) -> tuple[list[float], Clock]:
    took: list[float] = []
    waiting = iter(permits)

    async def use(connection: Connection) -> None:
        for one in waiting:
            path = f"/api/v1/permits/{ids.encode('pmt', one.id)}/consume"
            body = b'{"payload_digest":"%b"}' % one.digest.encode()
            before = time.perf_counter()
            await connection.call("POST", path, tool, body)
            took.append(time.perf_counter() - before)
        connection.close()

    async def work() -> None:
        await asyncio.gather(*(use(product.connection()) for _ in range(clients)))

    with Clock() as clock:
        run(work())
    return took, clock


async def issued(
    product: Product, count: int, *, agent: bytes = b"", same: bool = False
) -> list[Issued]:
    """So many permits of requests that policy approved; `same`: all for the same payload."""
    found: list[Issued] = []
    numbers = iter(range(count))

    async def obtain(connection: Connection) -> None:
        for number in numbers:
            name = "same" if same else str(number)
            submitted = await product.submit(connection, name, action=FREE_ACTION, agent=agent)
            request = submitted.json()
            path = f"/api/v1/requests/{request['id']}/permit"
            made = (await connection.call("POST", path, agent or product.agent)).json()
            if request["payload_digest"] is None:
                raise NotReady("a request without a digest")
            found.append(
                Issued(
                    ids.decode("pmt", made["id"]),
                    ids.decode("req", request["id"]),
                    made["token"],
                    request["payload"],
                    request["payload_digest"],
                )
            )
        connection.close()

    await asyncio.gather(*(obtain(product.connection()) for _ in range(SUBMITTERS)))
    return found
