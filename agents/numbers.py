"""What agents tell of their runs: calls of tools and models, their errors, times and costs: for `oversight.numbers`.

Everything is of the runs that were declared from one instant up to another, found by the index of each agent's
runs; steps are found by their run.  The parameters are ``workspace``, ``since``, ``until``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

#: A member of a WITH list: the runs of the period.
RAN: Final = """
ran AS (
    SELECT run.id, run.agent_id, run.state
      FROM agents_agent AS a
      JOIN agents_run AS run ON run.agent_id = a.id
     WHERE a.workspace_id = %(workspace)s AND run.created_at >= %(since)s AND run.created_at < %(until)s
)
"""
#: A join: ``run.agent_version`` of the run of something, null where it has none.
VERSION: Final = "LEFT JOIN agents_run AS run ON run.id = {run}"
#: A sub-select: when the first run was declared that one version of an agent ever had, by its index.
FIRST_RUN: Final = """
SELECT min(first.created_at) FROM agents_run AS first
 WHERE first.agent_id = {agent} AND first.agent_version = {version}
"""

_CALLS: Final = f"""
WITH {RAN}
SELECT s.kind, s.name, count(*), count(*) FILTER (WHERE s.status = 'failed'),
       count(*) FILTER (WHERE s.status = 'unknown'), count(*) FILTER (WHERE s.attempt > 1),
       sum(s.input_tokens), sum(s.output_tokens), sum(s.cost), count(s.ended_at),
       percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (
           ORDER BY greatest(0, EXTRACT(EPOCH FROM s.ended_at - s.started_at))::float8)
           FILTER (WHERE s.ended_at IS NOT NULL)
  FROM ran JOIN agents_step AS s ON s.run_id = ran.id
 GROUP BY s.kind, s.name ORDER BY count(*) DESC, s.kind, s.name
"""
_AGENTS: Final = f"""
WITH {RAN},
told AS (
    SELECT s.run_id, sum(s.input_tokens) AS input_tokens, sum(s.output_tokens) AS output_tokens,
           sum(s.cost) AS cost
      FROM ran JOIN agents_step AS s ON s.run_id = ran.id GROUP BY s.run_id
)
SELECT ran.agent_id, count(*), count(*) FILTER (WHERE ran.state = 'succeeded'),
       count(*) FILTER (WHERE ran.state IN ('failed', 'abandoned')),
       sum(told.input_tokens)::bigint, sum(told.output_tokens)::bigint, count(told.cost), sum(told.cost)
  FROM ran LEFT JOIN told ON told.run_id = ran.id
 GROUP BY ran.agent_id
"""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one tool or model; what was not told is None.  `quantiles` as `approvals.numbers.TOOK`."""

    kind: str
    name: str
    calls: int
    failed: int
    unknown: int
    retries: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    times: int
    quantiles: list[float] | None


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of one agent; `costed` are those that told a cost."""

    runs: int
    succeeded: int
    failed: int
    input_tokens: int | None
    output_tokens: int | None
    costed: int
    cost: Decimal | None


def calls(conn: Connection[Any], span: Mapping[str, Any]) -> list[Calls]:
    """By tool and model, the most called first."""
    return [Calls(*row) for row in conn.execute(_CALLS, dict(span)).fetchall()]


def runs(conn: Connection[Any], span: Mapping[str, Any]) -> dict[UUID, Runs]:
    """By agent."""
    return {row[0]: Runs(*row[1:]) for row in conn.execute(_AGENTS, dict(span)).fetchall()}
