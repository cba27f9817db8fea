"""How long people have a request before them: from when they first open a revision to their verdict.

Opened is what its page or the API showed somebody who signed in.  Of a message in Slack and the link of a
mail nobody knows when they were (`policies.assurance.OPENED`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from approvals.ballot import Ballot
from approvals.choices import Choice
from approvals.quorum import AGREEING
from approvals.row import Row
from approvals.status import Status
from core.db import pool
from core.problems import Problem, conflict

_LOOKED: Final = """
INSERT INTO approvals_look (id, workspace_id, request_id, revision, person_id, at)
VALUES (core_uuid7(), %(workspace)s, %(request)s, %(revision)s, %(person)s, clock_timestamp())
ON CONFLICT (request_id, revision, person_id) DO NOTHING
"""


def looked(*, person: UUID, row: Row) -> None:
    """Note that this person has the request before them, once, when it is first; nothing once it ended."""
    if row.status != Status.PENDING:
        return
    values = {
        "workspace": row.workspace_id,
        "request": row.id,
        "revision": row.revision,
        "person": person,
    }
    with pool().connection() as conn:
        conn.execute(_LOOKED, values, prepare=True)


def too_soon(ballot: Ballot, chosen: Choice) -> Problem | None:
    """409 for a yes of who has not had the request open as long as the plan asks for."""
    needed = ballot.plan.dwell
    if not needed or chosen.verdict not in AGREEING:
        return None
    if ballot.looked_for is None:
        return conflict("not_opened", "Open it before you agree to it. Nothing was decided.")
    left = needed - ballot.looked_for
    if left <= timedelta(0):
        return None
    seconds = -(-left // timedelta(seconds=1))
    return conflict(
        "too_soon",
        f"Policy asks to read it for {needed.total_seconds():g} s before a yes: say it again in "
        f"{seconds} s. Nothing was decided.",
        retry_after_s=seconds,
    )
