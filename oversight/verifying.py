"""The whole of a workspace, live: the log against itself, and the rows of the product against the log."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import IsolationLevel

import approvals.against_log
import policies.against_log
from audit import live
from core import db


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was held against the log, and is right."""

    events: int
    requests: int
    policy_versions: int


def verify(workspace: UUID) -> Verified:
    """Hold a workspace's live rows against its log, in constant memory.

    Raises:
        audit.live.Wrong: the first thing that is not right.
    """
    # A connection of its own: a log of millions takes longer than a call's statements may.
    with db.connect(options="-c statement_timeout=0") as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        events = live.check(conn, workspace)
        versions = policies.against_log.check(conn, workspace)
        requests = approvals.against_log.check(conn, workspace)
    return Verified(events, requests, versions)
