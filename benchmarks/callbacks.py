"""Callbacks: how soon after a decision they arrive, how many in a second, and past one that hangs.

Zero is the decision's own time, before its commit, as in `benchmarks.waiters`; the end is the last byte
at the receiver, which is a process of its own (`benchmarks.receiver`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from benchmarks import bare
from benchmarks.client import run
from benchmarks.figures import Result, Row, in_ms, median
from benchmarks.product import FREE_ACTION, OWNER, NotReady, Product, bearer
from benchmarks.receiver import HANG, Arrived, Receiver
from benchmarks.waiters import SETTLE_S, SUBMITTERS, decide, stamp, submitted

#: At once to one endpoint (`callbacks.lanes.AT_ONCE`): the bare loop gets as many.
AT_ONCE = 4
WITHIN_S = 120.0
APPROVED = "request.approved"
#: Callbacks before the figures are taken.
WARM_UP = 40


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: decisions and their rate; callbacks that are queued; endpoints of an agent."""

    decided: int = 300
    per_s: float = 20.0
    queued: int = 2_000
    endpoints: int = 10
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class HangingScale:
    """How much is done: decisions, each told to so many endpoints, and callbacks to one that hangs."""

    decided: int = 500
    per_s: float = 25.0
    endpoints: int = 3
    hanging: int = 1_000


class Owner:
    """The agents' owner, who manages their endpoints over HTTP."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._headers = run(product.session(OWNER))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call; its answer."""

        async def once() -> Any:
            connection = self._product.connection()
            try:
                sent = b"" if body is None else json.dumps(body).encode()
                answer = await connection.call(method, f"/api/v1{path}", self._headers, sent)
                return answer.json() if answer.body else None
            finally:
                connection.close()

        return run(once())

    def endpoint(self, agent: str, url: str, *events: str) -> str:
        """A new endpoint of an agent, for these types or for all; its id."""
        wanted = {"agent": agent, "url": url, "events": list(events)}
        made: str = self.call("POST", "/endpoints", wanted)["id"]
        return made

    def switch(self, endpoint: str, state: str) -> None:
        """Let an endpoint be called, or not."""
        self.call("PATCH", f"/endpoints/{endpoint}", {"state": state})

    def send_what_waits(self, endpoint: str, count: int) -> None:
        """Queue everything that was held while the endpoint was disabled.

        Raises:
            NotReady: it is not as many.
        """
        queued = self.call("POST", f"/endpoints/{endpoint}/replay", {"which": "missing"})["count"]
        if queued != count:
            raise NotReady(f"{queued} callbacks were held, not {count}")


def measure(product: Product, scale: Scale | None = None) -> Result:
    """A healthy receiver: one decision at a time, then many callbacks at once, beside a bare loop."""
    scale = scale or Scale()
    run(product.sign_in())
    owner = Owner(product)
    with Receiver() as receiver:
        agent = product.new_agent("callbacks")
        crowd = product.new_agent("callbacks to many")
        one = owner.endpoint(_id(agent), receiver.url("/one"), APPROVED)
        several = [
            owner.endpoint(_id(crowd), receiver.url(f"/{number}"), APPROVED)
            for number in range(scale.endpoints)
        ]
        requests = run(submitted(product, WARM_UP + scale.decided, bearer(str(agent["key"]))))
        _decided(product, receiver, requests[:WARM_UP], scale.per_s)
        arrived = _decided(product, receiver, requests[WARM_UP:], scale.per_s)
        late, alone = _lateness(arrived), bare.send(receiver, arrived, 1)
        receiver.take()
        single = _throughput(product, owner, receiver, str(agent["key"]), [one], scale)
        many = _throughput(product, owner, receiver, str(crowd["key"]), several, scale)
    spread, floor = in_ms(late, 50, 95, 99), in_ms(alone, 50, 95, 99)
    rows = [
        Row(
            "decision → received, p50",
            spread["p50"],
            "ms",
            floor["p50"],
            "sending it by requests",
            goal="≤ 60",
        ),
        Row("p95", spread["p95"], "ms", floor["p95"], "sending it by requests"),
        _row("one endpoint", AT_ONCE, single),
        _row(f"{scale.endpoints} endpoints", AT_ONCE * scale.endpoints, many),
    ]
    notes = {"received": len(arrived), "late_ms": spread, "bare_ms": floor}
    return Result("callbacks", rows, notes | {"one": single, "several": many})


def _row(what: str, senders: int, rounds: Sequence[dict[str, float]]) -> Row:
    ours, theirs, ratios = (
        median([one[name] for one in rounds]) for name in ("per_s", "bare_per_s", "ratio")
    )
    limit = f"a loop of requests, {senders} threads"
    return Row(f"{what}, delivered", ours, "/s", theirs, limit, round(ratios, 3), "≥ 0.8")


def _throughput(
    product: Product,
    owner: Owner,
    receiver: Receiver,
    key: str,
    endpoints: Sequence[str],
    scale: Scale,
) -> list[dict[str, Any]]:
    """Rounds of many callbacks queued at once, each followed by the same bytes from a bare loop."""
    rounds = []
    each = max(1, scale.queued // len(endpoints))
    for _ in range(scale.rounds):
        for endpoint in endpoints:
            owner.switch(endpoint, "disabled")
        run(_free(product, key, each))
        for endpoint in endpoints:
            owner.switch(endpoint, "active")
        before = product.usage()
        for endpoint in endpoints:
            owner.send_what_waits(endpoint, each)
        ours = _all_of(receiver, each * len(endpoints))
        cost = product.usage().since(before, len(ours))
        bare.send(receiver, ours, AT_ONCE * len(endpoints))
        theirs = _all_of(receiver, len(ours))
        rates = _rate(ours), _rate(theirs)
        rounds.append(
            {
                "per_s": round(rates[0], 1),
                "bare_per_s": round(rates[1], 1),
                "ratio": round(rates[0] / rates[1], 3),
                "cpu_ms": cost,
            }
        )
    return rounds


def _rate(arrived: Sequence[Arrived]) -> float:
    """From the first to the last."""
    return (len(arrived) - 1) / (arrived[-1].at - arrived[0].at)


def _all_of(receiver: Receiver, count: int) -> list[Arrived]:
    """What arrived, when so many did; one that came twice counts against it.

    Raises:
        NotReady: they did not all come, or some came twice.
    """
    receiver.until(lambda there: there >= count, WITHIN_S)
    arrived = receiver.take()
    if len({(one.path, one.headers["webhook-id"]) for one in arrived}) != len(arrived):
        raise NotReady("a callback came twice")
    return arrived


async def _free(product: Product, key: str, count: int) -> None:
    """So many requests that policy approves at once."""
    agent = bearer(key)
    numbers = iter(range(count))

    async def submit() -> None:
        connection = product.connection()
        for number in numbers:
            await product.submit(connection, number, action=FREE_ACTION, agent=agent)
        connection.close()

    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))


def _decided(
    product: Product,
    receiver: Receiver,
    requests: Sequence[dict[str, Any]],
    per_s: float,
    told: int = 1,
) -> list[Arrived]:
    """Decide requests at an even rate; what the receiver got, `told` callbacks for each."""
    run(decide(product, list(requests), per_s))
    return _all_of(receiver, len(requests) * told)


def _lateness(arrived: Sequence[Arrived]) -> list[float]:
    """Seconds from each decision to its arrival."""
    return [one.at - stamp(one.said["data"]["ended_at"]) for one in arrived]


def hanging(product: Product, scale: HangingScale | None = None) -> Result:
    """What one endpoint that hangs, with a long line, costs the others: their p99 with and without it.

    Decisions begin at the moment when the line is there; half of those without it come before, half
    afterwards.
    """
    scale = scale or HangingScale()
    run(product.sign_in())
    owner = Owner(product)
    half = -(-scale.decided // 2)
    with Receiver() as receiver, Receiver() as dead:
        healthy, stuck = product.new_agent("healthy"), product.new_agent("stuck")
        for number in range(scale.endpoints):
            owner.endpoint(_id(healthy), receiver.url(f"/{number}"), APPROVED)
        silent = owner.endpoint(_id(stuck), dead.url(HANG), APPROVED)
        owner.switch(silent, "disabled")
        run(_free(product, str(stuck["key"]), scale.hanging))
        count = WARM_UP + 2 * half + scale.decided
        requests = iter(run(submitted(product, count, bearer(str(healthy["key"])))))

        def phase(count: int) -> list[float]:
            few = list(islice(requests, count))
            return _lateness(_decided(product, receiver, few, scale.per_s, scale.endpoints))

        phase(WARM_UP)
        base = phase(half)
        owner.switch(silent, "active")
        owner.send_what_waits(silent, scale.hanging)
        beside = phase(scale.decided)
        left = owner.call("GET", f"/endpoints/{silent}")["waiting"]
        tried = len(dead.take())
        owner.switch(silent, "disabled")
        run(asyncio.sleep(SETTLE_S))
        base += phase(half)
    with_it, without = in_ms(beside, 50, 95, 99), in_ms(base, 50, 95, 99)
    limit = "the same without it"
    rows = [
        Row(f"others, {name}", with_it[name], "ms", without[name], limit, goal=goal)
        for name, goal in (("p50", ""), ("p95", ""), ("p99", "< 2 ×"))
    ]
    notes = {"with_ms": with_it, "without_ms": without, "tried": tried, "still_waiting": left}
    return Result("hanging", rows, notes | {"received": len(beside)})


def _id(made: dict[str, Any]) -> str:
    return str(made["id"])
