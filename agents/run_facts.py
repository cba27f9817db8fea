"""What the server knows of a run: what was reported of it, and of the runs it was started from.

Rules read it (policy.md, Conditions), and only to become stricter; so a run carries what the runs
above it reported, and an agent does not shed it by beginning another below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.runs import MAX_DEPTH
from core import durations

#: Parents are older than their children and never change, so the way up ends.
_READ: Final = """
WITH RECURSIVE lineage AS (
    SELECT id, parent_id, created_at, 0 AS depth FROM agents_run
     WHERE id = %(run)s AND workspace_id = %(workspace)s
    UNION ALL
    SELECT run.id, run.parent_id, run.created_at, lineage.depth + 1
      FROM lineage JOIN agents_run run ON run.id = lineage.parent_id
     WHERE lineage.depth < %(most)s
),
steps AS MATERIALIZED (
    SELECT kind, name, labels, cost, input_tokens, output_tokens
      FROM agents_step WHERE run_id IN (SELECT id FROM lineage)
)
SELECT (SELECT array_agg(id) FROM lineage),
       (SELECT json_object_agg(name, times)
          FROM (SELECT name, count(*) AS times FROM steps WHERE kind = 'tool' GROUP BY name) AS tool),
       (SELECT array_agg(DISTINCT label) FROM steps, unnest(labels) AS label),
       (SELECT coalesce(sum(cost), 0) FROM steps WHERE cost > 0),
       (SELECT coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) FROM steps),
       (SELECT extract(epoch FROM clock_timestamp() - min(created_at)) FROM lineage)
"""


@dataclass(frozen=True, slots=True)
class RunSeen:
    """What is known of a run and of the `runs` above it (itself among them).

    ``tools`` says how often each tool was reported, ``cost`` is in the workspace's money, ``age_s``
    in seconds of policy time since the first of the runs began.
    """

    runs: tuple[UUID, ...]
    tools: dict[str, int]
    labels: frozenset[str]
    cost: float
    tokens: int
    age_s: float


def run_facts(conn: Connection[Any], workspace_id: UUID, run_id: UUID) -> RunSeen:
    """Read it, as committed by now and as this transaction wrote it.  The run must be there."""
    values = {"run": run_id, "workspace": workspace_id, "most": MAX_DEPTH}
    found = conn.execute(_READ, values).fetchone()
    assert found is not None  # noqa: S101  # a select of sub-selects answers with one row
    runs, tools, labels, cost, tokens, age = found
    return RunSeen(
        runs=tuple(runs),
        tools=tools or {},
        labels=frozenset(labels or ()),
        cost=float(cost),
        tokens=int(tokens),
        age_s=max(0.0, float(age)) * durations.time_scale(),
    )
