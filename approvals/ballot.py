"""What a decision is made on: the locked request, its votes, and who may decide at this moment.

Read in the one order of locks (agent, request, absences, memberships), each lock a statement of its own, so
that what follows a lock sees everything its last holder wrote (architecture.md: a statement that
locked and counted at once left 500 of 500 requests stuck).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.sql import LOCK_FOR_DECIDING
from approvals.access import Reader
from approvals.frozen import FrozenPlan, decode
from approvals.quorum import AGREEING, Quorum, Vote
from approvals.status import Kind, Status, Verdict, WaitingOn
from core.problems import not_found
from people.sql import (
    HOLD_PERSON,
    HOLD_STANDING_IN,
    MEMBERSHIP_IS_VALID,
    ROLES_OF_PERSON,
    VALID_MEMBERSHIPS,
)

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

#: For whom the voters and who decides now stand in: FOR SHARE holds off whoever would end an absence.
LOCK_ABSENCES = HOLD_STANDING_IN.format(
    stand_ins="SELECT person_id FROM approvals_decision WHERE request_id = %(request)s "
    "AND revision = %(revision)s AND void_at IS NULL UNION ALL SELECT %(person)s"
)

#: Votes, stages and seats; FOR SHARE holds off whoever would take a role or a person away meanwhile.
#: The clock is read last: its row exists only once every seat was counted, hence locked.
#: People who are away stand in an OR: as a third arm of the UNION, a seat that was changed meanwhile was lost.
READ_BALLOT = f"""
WITH votes AS MATERIALIZED (
    SELECT d.id, d.stage, d.person_id, d.verdict, d.on_behalf_of_id
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
     WHERE (m.person_id IN (SELECT person_id FROM votes UNION ALL SELECT %(person)s)
            OR m.person_id = ANY(%(absent)s::uuid[]))
       AND m.role_id IN (SELECT unnest(roles) FROM stages)
       AND {MEMBERSHIP_IS_VALID}
       FOR SHARE OF m, mp
),
initiator AS MATERIALIZED ({HOLD_PERSON.format(person="%(initiator)s")})
SELECT v.payload, v.digest, v.plan, {ROLES_OF_PERSON},
       (SELECT json_agg(votes) FROM votes), (SELECT json_agg(stages) FROM stages),
       (SELECT json_agg(seats) FROM seats),
       (SELECT acts FROM initiator),
       (SELECT l.at FROM approvals_look l
         WHERE l.request_id = %(request)s AND l.revision = %(revision)s AND l.person_id = %(person)s),
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
class Absent:
    """Somebody who is away, with the one who stands in, who may act."""

    person: UUID
    stand_in: UUID
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Seat:
    """What somebody decides on: their own membership, or that of one who is away."""

    on_behalf_of: UUID | None


OWN_SEAT: Final = Seat(None)


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
    absent: tuple[Absent, ...]
    votes: tuple[Vote, ...]
    #: How long the voter has had this revision open; None: nobody saw them open it.
    looked_for: timedelta | None
    now: datetime

    @property
    def after_deadline(self) -> bool:
        """Whether the stage that stands in after the deadline is the open one."""
        return self.stage == len(self.plan.stages)

    @property
    def dwell_ms(self) -> int | None:
        """How long the voter has had it open, in whole milliseconds."""
        return None if self.looked_for is None else self.looked_for // timedelta(milliseconds=1)

    def seat(self, person: UUID, stage: int) -> Seat | None:
        """What this person may decide on at this stage, at this moment; none where they may not.

        Their own seat before another's; of several, that of who went away first and whose is free.
        """
        if self.eligible(person, stage):
            return OWN_SEAT
        others = [one for one in self.absent if self._fills(person, one.person, stage)]
        free = sorted(others, key=lambda one: (self.used(one.person, stage), one.begins_at))
        return Seat(free[0].person) if free else None

    def eligible(self, person: UUID, stage: int, on_behalf_of: UUID | None = None) -> bool:
        """Whether this person may decide at this stage, in their own or another's seat, at this moment."""
        if on_behalf_of is not None:
            return self._fills(person, on_behalf_of, stage)
        asked = self.stages[stage]
        if asked.confirm == "owner":
            return person == self.owner and self.owner_active
        if asked.confirm == "initiator":
            return person == self.initiator and self.initiator_active
        return not self.is_own(person) and self._sits(person, asked)

    def used(self, seat: UUID, stage: int) -> bool:
        """Whether this seat is spent at this stage: by a vote on it there, or an earlier yes that bars it."""
        bars = self.plan.stage(stage).distinct_from_earlier
        return any(
            vote.eligible
            and seat in vote.people
            and (
                (vote.stage == stage and vote.seat == seat)
                or (bars and vote.stage < stage and vote.verdict in AGREEING)
            )
            for vote in self.votes
        )

    def _sits(self, person: UUID, asked: StageAsked) -> bool:
        return any((person, role) in self.seats for role in asked.roles)

    def _fills(self, person: UUID, absent: UUID, stage: int) -> bool:
        """Whether somebody stands in for another at a stage; a confirmation is nobody else's to give."""
        asked = self.stages[stage]
        if asked.confirm is not None or self.is_own(person) or self.is_own(absent):
            return False
        stands_in = any(
            (one.person, one.stand_in) == (absent, person)
            and one.begins_at <= self.now < one.ends_at
            for one in self.absent
        )
        return stands_in and self._sits(absent, asked)

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
    absent = tuple(Absent(*row) for row in conn.execute(LOCK_ABSENCES, values).fetchall())
    values["absent"] = [one.person for one in absent]
    read = conn.execute(READ_BALLOT, values).fetchone()
    if read is None:
        raise not_found()
    # The clock of after every lock, and the database's own: a vote that waited across the deadline is late.
    payload, digest, plan, own_roles, votes, stages, seats, initiator_acts, looked_at, clock = read
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
        absent=absent,
        votes=(),
        looked_for=None if looked_at is None else clock - looked_at,
        now=clock,
    )
    return _with_votes(ballot, votes or ())


def _with_votes(ballot: Ballot, rows: Any) -> Ballot:
    return replace(ballot, votes=tuple(_vote(ballot, row) for row in rows))


def _vote(ballot: Ballot, row: dict[str, Any]) -> Vote:
    person, stage = UUID(row["person_id"]), row["stage"]
    behalf = UUID(row["on_behalf_of_id"]) if row["on_behalf_of_id"] else None
    return Vote(
        id=UUID(row["id"]),
        stage=stage,
        person=person,
        verdict=Verdict(row["verdict"]),
        eligible=ballot.eligible(person, stage, behalf),
        on_behalf_of=behalf,
    )
