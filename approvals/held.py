"""Holding one request still, for what changes it without counting votes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.status import Kind, PermitState, Status
from core.problems import conflict, not_found

_LOCK: Final = """
SELECT r.revision, r.status, r.expires_at, r.kind, r.agent_id, r.initiator_id, r.claimed_by_id,
       v.digest, v.plan, r.permit_state, r.use_by, r.erased_at IS NOT NULL
  FROM approvals_request r
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s
   FOR UPDATE OF r
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A request that is locked, and the instant after that."""

    revision: int
    status: Status
    expires_at: datetime
    kind: Kind
    agent: UUID
    initiator: UUID | None
    claimed_by: UUID | None
    digest: bytes
    plan: bytes
    permit: PermitState | None
    use_by: datetime | None
    erased: bool
    now: datetime

    def check_pending(self) -> None:
        """Raise 409 where it has ended or its deadline has passed."""
        if self.status is not Status.PENDING:
            raise conflict("request_ended", f"This request has ended: {self.status.value}.")
        if self.now >= self.expires_at:
            raise conflict("deadline_passed", "The deadline has passed.")

    def check_kept(self) -> None:
        """Raise 409 where its content was erased: nothing new is said about it."""
        if self.erased:
            raise conflict("request_erased", "What this request said was erased: nothing is added.")


def hold(conn: Connection[Any], workspace: UUID, request: UUID) -> Held:
    """Lock a request until this transaction ends; the clock is a statement of its own, after the lock.

    Raises:
        Problem: 404 there is none.
    """
    locked = conn.execute(_LOCK, {"request": request, "workspace": workspace}).fetchone()
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    if locked is None or clock is None:
        raise not_found()
    (
        revision,
        status,
        expires_at,
        kind,
        agent,
        initiator,
        claimed_by,
        digest,
        plan,
        permit,
        use_by,
        erased,
    ) = locked
    return Held(
        revision=revision,
        status=Status(status),
        expires_at=expires_at,
        kind=Kind(kind),
        agent=agent,
        initiator=initiator,
        claimed_by=claimed_by,
        digest=digest,
        plan=plan,
        permit=PermitState(permit) if permit else None,
        use_by=use_by,
        erased=erased,
        now=clock[0],
    )
