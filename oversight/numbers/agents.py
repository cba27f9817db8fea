"""What agents hear, do and are told no to: sections `callbacks`, `tools` and `versions`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from agents import numbers as runs
from agents.names import names
from agents.numbers import Calls, Runs
from approvals import numbers_agents
from approvals.numbers import SUBMITTED
from approvals.numbers_agents import Version
from audit.log import rfc3339
from callbacks import numbers as callbacks
from callbacks.numbers import Delivered
from core import ids
from oversight.numbers.measures import MOST_ROWS, Took, interval, share, took_of
from oversight.numbers.period import OfPeriod, Wanted, counting


class EndpointNumbers(Struct, frozen=True, kw_only=True):
    """How callbacks to one endpoint fared."""

    endpoint: Annotated[str, Meta(title="Endpoint", description="Its id")]
    origin: Annotated[str, Meta(title="Address", description="Scheme, host and port")]
    agent: Annotated[str, Meta(title="Agent", description="Whose it is")]
    callbacks: Annotated[int, Meta(title="Callbacks", description="All of them")]
    delivered: Annotated[int, Meta(title="Delivered", description="Those that arrived")]
    exhausted: Annotated[int, Meta(title="Given up", description="Every try failed")]
    stopped: Annotated[int, Meta(title="Stopped", description="The receiver wanted no more tries")]
    held: Annotated[int, Meta(title="Held", description="The endpoint is disabled")]
    pending: Annotated[int, Meta(title="Pending", description="Still tried")]
    delivery_rate: Annotated[
        float | None, Meta(title="Delivery rate", description="`delivered` by all not `pending`")
    ]
    first_try_rate: Annotated[
        float | None, Meta(title="At the first try", description="Of those that arrived")
    ]
    attempts_p95: Annotated[
        int | None,
        Meta(title="Tries, 95 of 100", description="95 of 100 arrived with no more tries"),
    ]
    delay: Annotated[
        Took, Meta(title="Delay", description="From what is told to the answer that took it")
    ]


class CallbackNumbers(OfPeriod, frozen=True, kw_only=True):
    """How callbacks fared that tell of the requests of the period."""

    endpoints: Annotated[
        list[EndpointNumbers], Meta(description="Those with most first, at most 100")
    ]
    left_out: Annotated[int, Meta(description="Endpoints beyond the hundred")]


class CallNumbers(Struct, frozen=True, kw_only=True):
    """Calls of one tool or model, as agents told them."""

    kind: Annotated[str, Meta(title="Kind", description="`tool` or `model`")]
    name: Annotated[str, Meta(title="Name", description="As the agent calls it")]
    calls: Annotated[int, Meta(title="Calls", description="Every attempt counts")]
    failed: Annotated[int, Meta(title="Failed", description="Told to have failed")]
    unknown: Annotated[int, Meta(title="Unknown", description="Nobody knows what came of it")]
    error_rate: Annotated[float | None, Meta(title="Error rate", description="`failed` by `calls`")]
    retries: Annotated[int, Meta(title="Retries", description="Second attempts and later ones")]
    retry_rate: Annotated[
        float | None, Meta(title="Retry rate", description="`retries` by `calls`")
    ]
    latency: Annotated[
        Took, Meta(title="Latency", description="From beginning to end, where an end was told")
    ]
    input_tokens: Annotated[
        int | None, Meta(title="Tokens in", description="Null where none were told")
    ]
    output_tokens: Annotated[
        int | None, Meta(title="Tokens out", description="Null where none were told")
    ]
    cost: Annotated[
        float | None, Meta(title="Cost", description="In the workspace's money; null: none told")
    ]


class RunNumbers(Struct, frozen=True, kw_only=True):
    """Runs of one agent."""

    agent: Annotated[str, Meta(title="Agent", description="Its name")]
    runs: Annotated[int, Meta(title="Runs", description="All of them")]
    succeeded: Annotated[int, Meta(title="Succeeded", description="Told to have succeeded")]
    failed: Annotated[int, Meta(title="Failed", description="Failed or abandoned")]
    input_tokens: Annotated[
        int | None, Meta(title="Tokens in", description="Null where none were told")
    ]
    output_tokens: Annotated[
        int | None, Meta(title="Tokens out", description="Null where none were told")
    ]
    costed: Annotated[int, Meta(title="Runs with a cost", description="Whose steps told one")]
    cost: Annotated[
        float | None, Meta(title="Cost", description="Of all steps; null where none was told")
    ]
    cost_per_run: Annotated[
        float | None, Meta(title="Cost per run", description="`cost` by `costed`")
    ]
    successes: Annotated[
        int, Meta(title="Successful actions", description="Approved ones told to have succeeded")
    ]
    result_cost: Annotated[
        float | None, Meta(title="Cost of actions", description="As their results told it")
    ]
    cost_per_success: Annotated[
        float | None,
        Meta(
            title="Cost per success",
            description="`cost` and `result_cost` together, by `successes`",
        ),
    ]


class ToolNumbers(OfPeriod, frozen=True, kw_only=True):
    """What agents told of the runs that began in the period."""

    tools: Annotated[
        list[CallNumbers], Meta(description="Tools and models, the most called first, at most 100")
    ]
    agents: Annotated[list[RunNumbers], Meta(description="Those with most runs first, at most 100")]
    left_out: Annotated[int, Meta(description="Tools, models and agents beyond the hundred")]


class VersionNumbers(Struct, frozen=True, kw_only=True):
    """How people decided on what one version of an agent asked for."""

    agent: Annotated[str, Meta(title="Agent", description="Its name")]
    version: Annotated[
        str, Meta(title="Version", description="As its run declares it; empty: none did")
    ]
    first_at: Annotated[str, Meta(title="First asked", description="Within the period")]
    first_run_at: Annotated[
        str | None,
        Meta(title="First run", description="Ever, by which versions are newer or older"),
    ]
    submitted: Annotated[int, Meta(title="Submitted", description="Actions it asked for")]
    decided: Annotated[int, Meta(title="Decided", description="Of them, those that people ended")]
    rejected: Annotated[int, Meta(title="Rejected", description="Of those")]
    reject_rate: Annotated[
        float | None, Meta(title="Reject rate", description="`rejected` by `decided`")
    ]
    reject_low: Annotated[
        float | None, Meta(title="At least", description="With a certainty of 95 of 100 at least")
    ]
    reject_high: Annotated[
        float | None, Meta(title="At most", description="With a certainty of 95 of 100 at most")
    ]
    edited: Annotated[int, Meta(title="Edited", description="Of the decided, by people")]
    edit_rate: Annotated[float | None, Meta(title="Edit rate", description="`edited` by `decided`")]


class AgentVersionNumbers(OfPeriod, frozen=True, kw_only=True):
    """How people decided on what agents asked for, version by version."""

    versions: Annotated[
        list[VersionNumbers],
        Meta(
            description="The agents that asked for most first, of each the newest version first; "
            "at most 100"
        ),
    ]
    left_out: Annotated[int, Meta(description="Versions beyond the hundred")]


def delivered(wanted: Wanted) -> CallbackNumbers:
    """How callbacks fared.  Problem: as `counting` raises."""
    with counting() as conn:
        found = callbacks.endpoints(conn, wanted.span(), f"SELECT r.id {SUBMITTED}")
    called = names(wanted.workspace, (one.agent for one in found))
    return CallbackNumbers(
        **wanted.period.told(),
        endpoints=[_endpoint(one, called.get(one.agent, "")) for one in found[:MOST_ROWS]],
        left_out=len(found[MOST_ROWS:]),
    )


def tools(wanted: Wanted) -> ToolNumbers:
    """What came of runs and of the calls in them.  Problem: as `counting` raises."""
    span = wanted.span()
    with counting() as conn:
        called, ran = runs.calls(conn, span), runs.runs(conn, span)
        results = numbers_agents.results(conn, span)
    agents = names(wanted.workspace, ran)
    rows = [
        _run(agents.get(agent, ""), one, *results.get(agent, (0, None)))
        for agent, one in ran.items()
    ]
    rows.sort(key=lambda one: (-one.runs, one.agent))
    return ToolNumbers(
        **wanted.period.told(),
        tools=[_call(one) for one in called[:MOST_ROWS]],
        agents=rows[:MOST_ROWS],
        left_out=len(called[MOST_ROWS:]) + len(rows[MOST_ROWS:]),
    )


def versions(wanted: Wanted) -> AgentVersionNumbers:
    """What people refuse and edit.  Problem: as `counting` raises."""
    with counting() as conn:
        found = numbers_agents.versions(conn, wanted.span())
    agents = names(wanted.workspace, (one.agent for one in found))
    # Whole agents stay next to each other: each version is compared with the one before it.
    asked: Counter[UUID] = Counter()
    for one in found:
        asked[one.agent] += one.submitted
    found.sort(key=_age, reverse=True)
    found.sort(key=lambda one: (-asked[one.agent], agents.get(one.agent, ""), one.agent))
    return AgentVersionNumbers(
        **wanted.period.told(),
        versions=[_version(agents.get(one.agent, ""), one) for one in found[:MOST_ROWS]],
        left_out=len(found[MOST_ROWS:]),
    )


def _endpoint(one: Delivered, agent: str) -> EndpointNumbers:
    return EndpointNumbers(
        endpoint=ids.encode("end", one.endpoint),
        origin=one.origin,
        agent=agent,
        callbacks=one.callbacks,
        delivered=one.delivered,
        exhausted=one.exhausted,
        stopped=one.stopped,
        held=one.held,
        pending=one.pending,
        delivery_rate=share(one.delivered, one.callbacks - one.pending),
        first_try_rate=share(one.first_try, one.delivered),
        attempts_p95=one.attempts,
        delay=took_of(one.delivered, one.delay),
    )


def _call(one: Calls) -> CallNumbers:
    return CallNumbers(
        kind=one.kind,
        name=one.name,
        calls=one.calls,
        failed=one.failed,
        unknown=one.unknown,
        error_rate=share(one.failed, one.calls),
        retries=one.retries,
        retry_rate=share(one.retries, one.calls),
        latency=took_of(one.times, one.quantiles),
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        cost=_money(one.cost),
    )


def _run(agent: str, one: Runs, successes: int, told: Decimal | None) -> RunNumbers:
    whole = None if one.cost is None and told is None else (one.cost or 0) + (told or 0)
    return RunNumbers(
        agent=agent,
        runs=one.runs,
        succeeded=one.succeeded,
        failed=one.failed,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        costed=one.costed,
        cost=_money(one.cost),
        cost_per_run=_money(one.cost / one.costed if one.cost is not None else None),
        successes=successes,
        result_cost=_money(told),
        cost_per_success=_money(whole / successes if whole is not None and successes else None),
    )


def _age(one: Version) -> tuple[bool, datetime]:
    """What orders an agent's versions: one that went back to an old one did not make it new.

    What no version asked for is no version, and comes before the oldest.
    """
    return one.first_run_at is not None, one.first_run_at or one.first_at


def _version(agent: str, one: Version) -> VersionNumbers:
    low, high = interval(one.rejected, one.decided)
    return VersionNumbers(
        agent=agent,
        version=one.version,
        first_at=rfc3339(one.first_at),
        first_run_at=rfc3339(one.first_run_at) if one.first_run_at else None,
        submitted=one.submitted,
        decided=one.decided,
        rejected=one.rejected,
        reject_rate=share(one.rejected, one.decided),
        reject_low=low,
        reject_high=high,
        edited=one.edited,
        edit_rate=share(one.edited, one.decided),
    )


def _money(cost: Decimal | float | None) -> float | None:
    return None if cost is None else round(float(cost), 6)
