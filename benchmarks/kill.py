"""The kill switch: how long it takes to stop an agent that has asked for a great deal."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from benchmarks.callbacks import Owner
from benchmarks.client import run
from benchmarks.figures import Result, Row
from benchmarks.permits import issued
from benchmarks.product import NotReady, Product, bearer
from benchmarks.receiver import Receiver
from benchmarks.waiters import submitted
from core import ids

WITHIN_S = 120.0
#: The least that stopping them could be: one column of the same rows.
_BARE = """
UPDATE approvals_request SET sequence = sequence + 1
 WHERE agent_id = %s AND (status = 'pending' OR permit_state = 'issued')
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is to stop."""

    pending: int = 10_000
    permits: int = 500


@dataclass(frozen=True, slots=True)
class Stopped:
    """One press: how long its call took, what it said itself, and the bare statement."""

    call_ms: float
    said_ms: int
    bare_ms: float


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Two agents, the second with an endpoint that is told of everything; one press for each."""
    scale = scale or Scale()
    owner = Owner(product)
    with Receiver() as receiver:
        silent = _pressed(product, owner, "silent", scale)
        told = _pressed(product, owner, "told", scale, receiver)
        count = scale.pending + scale.permits
        receiver.until(lambda there: there >= count, WITHIN_S)
    there = f"{scale.pending:,} pending, {scale.permits:,} permits out"
    limit = "one UPDATE of the requests"
    rows = [
        Row(there, round(silent.call_ms, 1), "ms", round(silent.bare_ms, 1), limit, goal="< 1,000"),
        Row(
            f"{there}, with an endpoint",
            round(told.call_ms, 1),
            "ms",
            round(told.bare_ms, 1),
            limit,
            goal="< 1,000",
        ),
    ]
    notes = {"stopped": count, "said_ms": silent.said_ms, "told_said_ms": told.said_ms}
    return Result("kill", rows, notes)


def _pressed(
    product: Product, owner: Owner, name: str, scale: Scale, receiver: Receiver | None = None
) -> Stopped:
    """Fill an agent and stop it.

    Raises:
        NotReady: not everything was stopped.
    """
    made = product.new_agent(name)
    agent = str(made["id"])
    headers = bearer(str(made["key"]))
    permits = run(issued(product, scale.permits, agent=headers))
    run(submitted(product, scale.pending, headers))
    if receiver is not None:
        owner.endpoint(agent, receiver.url("/told"))
    with psycopg.connect(product.database_url(), autocommit=True) as conn:
        begun = time.perf_counter()
        with conn.transaction(force_rollback=True):
            conn.execute(_BARE, (ids.decode("agt", agent),))
            bare = time.perf_counter() - begun
    body = {"scope": "agent", "target": agent, "reason": "It is measured."}
    begun = time.perf_counter()
    stopped = owner.call("POST", "/kill_switch", body)
    took = time.perf_counter() - begun
    if (stopped["cancelled"], stopped["revoked"]) != (scale.pending, len(permits)):
        raise NotReady(f"the kill switch stopped {stopped}")
    return Stopped(took * 1e3, stopped["milliseconds"], bare * 1e3)
