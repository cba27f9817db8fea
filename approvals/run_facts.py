"""What a rule may read of a request's run: what was reported of it, and what was asked for in it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.run_facts import run_facts as reported
from policies.run_reads import RunFacts

#: Actions of these runs that were asked for and not refused, or recorded as taken without asking.
_ACTIONS: Final = """
SELECT action, count(*) FROM (
    SELECT action FROM approvals_request
     WHERE workspace_id = %(workspace)s AND run_id = ANY(%(runs)s) AND kind = 'request'
       AND status <> 'rejected' AND id IS DISTINCT FROM %(except)s
    UNION ALL
    SELECT action FROM approvals_recordedaction
     WHERE workspace_id = %(workspace)s AND run_id = ANY(%(runs)s)
) AS taken GROUP BY action
"""


def run_facts(
    conn: Connection[Any], workspace_id: UUID, run_id: UUID, *, excluding: UUID | None = None
) -> RunFacts:
    """Read the facts of a run and of the runs above it, in the caller's transaction.

    Args:
        excluding: the request that is planned anew; it does not count itself.
    """
    seen = reported(conn, workspace_id, run_id)
    values = {"workspace": workspace_id, "runs": list(seen.runs), "except": excluding}
    tools = Counter(seen.tools)
    tools.update(dict(conn.execute(_ACTIONS, values).fetchall()))
    return RunFacts(tools, seen.labels, seen.cost, seen.tokens, seen.age_s)
