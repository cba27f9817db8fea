"""What a decision is made on: the locked request, its votes, and who may decide at this moment.

Read in the one order of locks (agent, request, memberships), each lock a statement of its own, so
that what follows a lock sees everything its last holder wrote (architecture.md: a statement that
locked and counted at once left 500 of 500 requests stuck).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from agents.sql import LOCK_FOR_DECIDING
from approvals.access import Reader
from approvals.frozen import FrozenPlan, decode
from approvals.quorum import Quorum, Vote
from approvals.status import Kind, Status, Verdict, WaitingOn
from core.problems import not_found
from people.sql import HOLD_PERSON, MEMBERSHIP_IS_VALID, ROLES_OF_PERSON, VALID_MEMBERSHIPS

#: A request's agent never changes, so it may be read before anything is locked.
LOCK_AGENT = LOCK_FOR_DECIDING.format(
    agent="(SELECT agent_id FROM approvals_request "
    "WHERE id = %(request)s AND workspace_id = %(workspace)s)"
)

LOCK_REQUEST = """
SELECT r.revision, r.stage, r.status, r.expires_at, r.roles, r.kind, r.waiting_on, r.initiator_id, r.action, r.told
  FROM approvals_request r
 WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s
   FOR UPDATE
"""

#: Votes, stages and seats; FOR SHARE holds off whoever would take a role or a person away meanwhile.
#: The clock is read last: its row exists only once every seat was counted, hence locked.
READ_BALLOT = f"""
WITH votes AS MATERIALIZED (
    SELECT d.id, d.stage, d.person_id, d.verdict
      FROM approvals_decision d
     WHERE d.request_id = %(request)s AND d.revision = %(revision)s AND d.void_at IS NULL
       AND d.verdict <> 'return'
),
stages AS MATERIALIZED (
    SELECT s.index, s.roles, s.confirm
      FROM approvals_stage s
     WHERE s.workspace_id = %(workspace)s AND s.request_id = %(request)s AND s.revision = %(revision)s
),
seats AS MATERIALIZED (
    SELECT m.person_id, m.role_id
      FROM {VALID_MEMBERSHIPS}
     WHERE m.person_id IN (SELECT person_id FROM votes UNION ALL SELECT %(person)s)
       AND m.role_id IN (SELECT unnest(roles) FROM stages)
       AND {MEMBERSHIP_IS_VALID}
       FOR SHARE OF m, mp
),
initiator AS MATERIALIZED ({HOLD_PERSON.format(person="%(initiator)s")})
SELECT v.payload, v.digest, v.plan, {ROLES_OF_PERSON},
       (SELECT json_agg(votes) FROM votes), (SELECT json_agg(stages) FROM stages),
       (SELECT json_agg(seats) FROM seats),
       (SELECT acts FROM initiator),
       (SELECT clock_timestamp()
          FROM (SELECT count(*) FROM seats) AS locked, (SELECT count(*) FROM initiator) AS held)
  FROM approvals_revision v
 WHERE v.workspace_id = %(workspace)s AND v.request_id = %(request)s AND v.number = %(revision)s
"""


@dataclass(frozen=True, slots=True)
class StageAsked:
    """An opened stage: the roles it asks now, or that the owner or the initiator must confirm."""

    roles: frozenset[UUID]
    confirm: str | None


@dataclass(frozen=True, slots=True)
class Ballot:
    """A locked request and everything a decision on it depends on."""

    request: UUID
    workspace: UUID
    revision: int
    stage: int | None
    status: Status
    expires_at: datetime
    action: str
    payload: bytes
    digest: bytes
    plan: FrozenPlan
    owner: UUID
    owner_active: bool
    initiator: UUID | None
    initiator_active: bool
    kind: Kind
    waiting_on: WaitingOn | None
    stages: dict[int, StageAsked]
    seats: frozenset[tuple[UUID, UUID]]
    votes: tuple[Vote, ...]
    now: datetime

    @property
    def after_deadline(self) -> bool:
        """Whether the stage that stands in after the deadline is the open one."""
        return self.stage == len(self.plan.stages)

    def eligible(self, person: UUID, stage: int) -> bool:
        """Whether this person may decide at this stage, at this moment."""
        asked = self.stages[stage]
        if asked.confirm == "owner":
            return person == self.owner and self.owner_active
        if asked.confirm == "initiator":
            return person == self.initiator and self.initiator_active
        return not self.is_own(person) and any((person, role) in self.seats for role in asked.roles)

    def is_own(self, person: UUID) -> bool:
        """Whether it is this person's own: they own the agent, or started the run."""
        return person in (self.owner, self.initiator)

    def counted(self) -> tuple[list[Quorum], int]:
        """The quorums that must be met, and the index of the first: after the deadline only the last."""
        first = len(self.plan.stages) if self.after_deadline else 0
        last = first + 1 if self.after_deadline else len(self.plan.stages)
        stages = [self.plan.stage(index) for index in range(first, last)]
        return [Quorum(s.approvals, s.rejections, s.distinct_from_earlier) for s in stages], first


def lock_ballot(conn: Connection[Any], reader: Reader, request_id: UUID) -> Ballot:
    """Lock a request and read its ballot, inside the caller's transaction.

    Raises:
        Problem: 404 where there is none that this person may see.
    """
    values: dict[str, Any] = {**reader.values(), "request": request_id}
    owner = conn.execute(LOCK_AGENT, values).fetchone()
    locked = conn.execute(LOCK_REQUEST, values).fetchone()
    if owner is None or locked is None:
        raise not_found()
    revision, stage, status, expires_at, roles, kind, waiting_on, initiator, action, told = locked
    values |= {"revision": revision, "initiator": initiator}
    read = conn.execute(READ_BALLOT, values).fetchone()
    if read is None:
        raise not_found()
    # The clock of after every lock, and the database's own: a vote that waited across the deadline is late.
    payload, digest, plan, own_roles, votes, stages, seats, initiator_acts, clock = read
    own = reader.person_id in (owner[0], initiator)
    if not (set(own_roles) & set(roles) or own or reader.sees_all or reader.person_id in told):
        raise not_found()
    ballot = Ballot(
        request=request_id,
        workspace=reader.workspace_id,
        revision=revision,
        stage=stage,
        status=Status(status),
        expires_at=expires_at,
        action=action,
        payload=payload,
        digest=digest,
        plan=decode(plan),
        owner=owner[0],
        owner_active=owner[1],
        initiator=initiator,
        initiator_active=bool(initiator_acts),
        kind=Kind(kind),
        waiting_on=WaitingOn(waiting_on) if waiting_on else None,
        stages={
            row["index"]: StageAsked(frozenset(map(UUID, row["roles"])), row["confirm"])
            for row in stages or ()
        },
        seats=frozenset((UUID(row["person_id"]), UUID(row["role_id"])) for row in seats or ()),
        votes=(),
        now=clock,
    )
    return _with_votes(ballot, votes or ())


def _with_votes(ballot: Ballot, rows: Any) -> Ballot:
    votes = tuple(
        Vote(
            id=UUID(row["id"]),
            stage=row["stage"],
            person=UUID(row["person_id"]),
            verdict=Verdict(row["verdict"]),
            eligible=ballot.eligible(UUID(row["person_id"]), row["stage"]),
        )
        for row in rows
    )
    return replace(ballot, votes=votes)
