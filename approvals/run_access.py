"""Who may see a run: whoever may see one of its requests, owns its agent, started it, or views all."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from agents import runs
from agents.runs import RunRow
from approvals.access import MAY_SEE, Reader
from core.db import pool
from core.problems import not_found

#: The condition under which ``%(person)s`` may see ``run`` of ``agent``.
MAY_SEE_RUN: Final = f"""
    (agent.owner_id = %(person)s OR run.initiator_id = %(person)s OR %(view)s
     OR EXISTS (SELECT 1 FROM approvals_request r WHERE r.run_id = run.id AND {MAY_SEE}))
"""
_MAY_SEE_RUN: Final = f"""
SELECT 1
  FROM agents_run run
  JOIN agents_agent agent ON agent.id = run.agent_id
 WHERE run.id = %(run)s AND run.workspace_id = %(workspace)s AND {MAY_SEE_RUN}
"""


def for_person(*, reader: Reader, run_id: UUID) -> RunRow:
    """A run that a person may see.

    Raises:
        Problem: 404 where they may not, or there is none.
    """
    with pool().connection() as conn:
        found = conn.execute(_MAY_SEE_RUN, {**reader.values(), "run": run_id}).fetchone()
    if found is None:
        raise not_found()
    return runs.find(run_id)
