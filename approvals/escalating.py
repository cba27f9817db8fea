"""What an escalation knows and changes of requests: the open stage with its clock, and who may decide.

The steps themselves are taken in `escalations/`, under the locks that are taken here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.deadline import LOCK
from approvals.frozen import FrozenPlan, decode
from approvals.status import WaitingOn

_READ: Final = """
SELECT r.id, r.workspace_id, r.revision, r.stage, r.risk, r.action, r.expires_at, r.waiting_on, agent.owner_id,
       r.initiator_id, r.told, s.roles, s.confirm, s.opened_at, s.paused, s.paused_at, v.plan,
       clock_timestamp()
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
  JOIN approvals_stage s
    ON s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
   AND s.index = r.stage
 WHERE r.id = ANY(%(ids)s) AND r.status = 'pending'
 ORDER BY r.id
"""
_WIDEN: Final = """
WITH widened AS (
    UPDATE approvals_stage SET roles = roles || %(role)s::uuid
     WHERE workspace_id = %(workspace)s AND request_id = %(request)s AND revision = %(revision)s
       AND index = %(stage)s AND NOT roles @> ARRAY[%(role)s::uuid]
    RETURNING 1
)
UPDATE approvals_request
   SET sequence = sequence + 1,
       roles = CASE WHEN roles @> ARRAY[%(role)s::uuid] THEN roles ELSE roles || %(role)s::uuid END
 WHERE id = %(request)s AND EXISTS (SELECT 1 FROM widened)
RETURNING id
"""
_TOLD: Final = """
UPDATE approvals_request
   SET sequence = sequence + 1, told = ARRAY(SELECT DISTINCT unnest(told || %(people)s::uuid[]))
 WHERE id = %(request)s
"""
_DUE_NOW: Final = """
UPDATE approvals_request SET expires_at = greatest(clock_timestamp(), created_at), sequence = sequence + 1
 WHERE id = %(request)s AND status = 'pending' AND expires_at > clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Open:
    """A pending request, locked, with the clock of its open stage.

    ``told`` are the people who were told of it and do not decide; ``now`` is the instant after the lock.
    """

    request: UUID
    workspace: UUID
    revision: int
    stage: int
    risk: str
    action: str
    expires_at: datetime
    waiting_on: WaitingOn
    owner: UUID
    initiator: UUID | None
    told: tuple[UUID, ...]
    roles: tuple[UUID, ...]
    confirm: str | None
    opened_at: datetime
    paused: timedelta
    paused_at: datetime | None
    plan: FrozenPlan
    now: datetime

    @property
    def stands_still(self) -> bool:
        """Whether its clock does, since it is its agent's turn."""
        return self.paused_at is not None

    @property
    def began_at(self) -> datetime:
        """When its clock began, as if it had never stood still; later than it did where it has."""
        return self.opened_at + self.paused


def lock(conn: Connection[Any], request_ids: Sequence[UUID]) -> list[Open]:
    """Lock requests, in the one order of locks, and read those of them that are pending, by id."""
    conn.execute(LOCK, {"ids": list(request_ids)})
    return read(conn, request_ids)


def read(conn: Connection[Any], request_ids: Sequence[UUID]) -> list[Open]:
    """Read those of these requests that are pending, by id, as they stand now."""
    return [_open(row) for row in conn.execute(_READ, {"ids": list(request_ids)}).fetchall()]


def _open(row: Sequence[Any]) -> Open:
    read = [*row]
    read[7] = WaitingOn(row[7])
    read[10], read[11] = tuple(row[10]), tuple(row[11])
    read[16] = decode(row[16])
    return Open(**dict(zip(Open.__slots__, read, strict=True)))


def widen(conn: Connection[Any], one: Open, role: UUID) -> bool:
    """Let one more role decide at the open stage; false where it may already."""
    values = {
        "workspace": one.workspace,
        "request": one.request,
        "revision": one.revision,
        "stage": one.stage,
        "role": role,
    }
    return conn.execute(_WIDEN, values).fetchone() is not None


def let_see(conn: Connection[Any], one: Open, people: Sequence[UUID]) -> None:
    """Let these people see it, who are told of it and do not decide."""
    if set(people) - set(one.told):
        conn.execute(_TOLD, {"request": one.request, "people": list(people)})


def meet_now(conn: Connection[Any], one: Open) -> None:
    """Put its deadline to this instant; who calls this lets it meet it (`approvals.deadline.meet`)."""
    conn.execute(_DUE_NOW, {"request": one.request})
