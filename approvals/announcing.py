"""Keeps the due kind ``request.tell``: who is to hear of a request as it stands, handed to `notifications`.

Written at submit and by a trigger at every change (migration 0011), so that no path can forget it.
A request is held while its notifications are written: what ends it meanwhile sees them, and promises
that they are rewritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import on_duty
from approvals.access import SEAT_IS_FREE
from approvals.sql import ESCALATE
from approvals.status import Status, WaitingOn
from audit.actor import Actor
from audit.kinds import NotificationUnreached
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import due, failpoints
from core.db import pool
from core.due import INSERT_DUE, Claimed, Promise, due_rows
from notifications import nudging, telling
from notifications.lining_up import Told, Words
from people import absences
from people.sql import (
    IS_ACTIVE,
    IS_AWAY,
    MEMBERSHIP_IS_VALID,
    NAME_OF,
    SEAT_IS_FILLED,
    SEATS_OF_ABSENT,
    VALID_MEMBERSHIPS,
)
from policies import active
from policies.terms import Document

#: One order of locks for everybody: by id.  Ends wait for this, and it for them, and for another that
#: tells of the same request.
_HOLD: Final = """
SELECT id FROM approvals_request WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""
_READ: Final = f"""
SELECT r.id, r.workspace_id, r.sequence, r.risk, r.revision, coalesce(r.stage, 0), r.status, r.waiting_on,
       r.expires_at, r.basis, agent.owner_id, r.initiator_id, s.confirm,
       ARRAY(SELECT ro.name FROM people_role ro WHERE ro.id = ANY(s.roles)),
       {IS_ACTIVE.format(person="r.initiator_id")}, r.erased_at IS NOT NULL
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
  LEFT JOIN approvals_stage s
    ON s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
   AND s.index = r.stage
 WHERE r.id = ANY(%(ids)s)
"""
#: Who could decide at the open stage and has not, with the roles that make it so; in the place of who is
#: away, who stands in.
_ASKED: Final = f"""
SELECT r.id, m.person_id, array_agg(DISTINCT ro.name ORDER BY ro.name)
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
  JOIN approvals_stage s
    ON s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
   AND s.index = r.stage AND s.confirm IS NULL
  JOIN people_role ro ON ro.id = ANY(s.roles)
  JOIN LATERAL (
       SELECT m.person_id FROM {VALID_MEMBERSHIPS} WHERE m.role_id = ro.id AND {MEMBERSHIP_IS_VALID}
        UNION
       SELECT ab.stand_in_id FROM {SEATS_OF_ABSENT}
        WHERE m.role_id = ro.id AND {SEAT_IS_FILLED} AND {SEAT_IS_FREE}
  ) AS m ON m.person_id <> agent.owner_id AND m.person_id IS DISTINCT FROM r.initiator_id
 WHERE r.id = ANY(%(ids)s) AND r.status = 'pending' AND r.waiting_on = 'people'
   AND NOT {IS_AWAY.format(person="m.person_id")}
   AND NOT EXISTS (
       SELECT 1 FROM approvals_decision d
        WHERE d.request_id = r.id AND d.revision = r.revision AND d.stage = r.stage
          AND d.person_id = m.person_id AND d.void_at IS NULL AND d.verdict <> 'return')
 GROUP BY r.id, m.person_id
"""

#: The conversation, with whose words each are; none: the agent's.
_SAID: Final = f"""
SELECT m.request_id, m.id, {NAME_OF.format(person="m.person_id")}, m.kind, m.text
  FROM approvals_message m WHERE m.request_id = ANY(%(ids)s) ORDER BY m.at, m.id
"""

#: So many requests are held together: nobody can decide on them meanwhile.
HELD_AT_ONCE: Final = 20

_ACTOR: Final = Actor.system("notifications")
#: Ends that the agent's owner hears of: by people and by the clock, not by their own hand.
_HEARD: Final = frozenset({"people", "confirm", "clock", "break_glass"})


def tell_due(claimed: Sequence[Claimed]) -> None:
    """Keep the promise of each claimed row: what people were told is brought into line with its request.

    Raises:
        LostLease: somebody else has claimed a row meanwhile; nothing was done.
    """
    by_subject = sorted(claimed, key=lambda row: row.subject)
    for begin in range(0, len(by_subject), HELD_AT_ONCE):
        _tell(by_subject[begin : begin + HELD_AT_ONCE])


def _tell(claimed: Sequence[Claimed]) -> None:
    subjects = list({row.subject for row in claimed})
    with pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)
        conn.execute(_HOLD, {"ids": subjects})
        placed = placing(conn, told(conn, subjects))
        unreached = telling.tell(conn, placed.told, defaults=placed.defaults)
        failpoints.hit("tell_before_last_statement")
        _record(conn, unreached)
        _escalate(conn, placed.told, unreached)


@dataclass(frozen=True, slots=True)
class Placed:
    """Requests with the Slack channels of the roles they ask, and how members of roles are told."""

    told: list[Told]
    documents: Mapping[UUID, Document]

    @property
    def defaults(self) -> dict[UUID, dict[str, tuple[str, ...]]]:
        """By workspace and role, how members are told unless they chose themselves."""
        return {one: _defaults(document) for one, document in self.documents.items()}

    def place(self, told: Told, roles: Sequence[str]) -> Told:
        """The same with the Slack channels of these roles."""
        return _placed(told, self.documents.get(told.workspace), roles)


def placing(conn: Connection[Any], told: Sequence[Told]) -> Placed:
    """What the active policies of their workspaces say of whom these are for, and how they are told."""
    documents = _documents(conn, {one.workspace for one in told})
    placed = [_placed(one, documents.get(one.workspace), one.roles) for one in told]
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    return Placed(on_duty.narrowed(conn, placed, documents, clock[0]), documents)


def _escalate(conn: Connection[Any], told: Sequence[Told], unreached: Sequence[Told]) -> None:
    """Have the clock looked at where nobody hears of a request, or of what a step told."""
    waiting = {one.request: one for one in told if one.pending}
    silent = set(nudging.undelivered(conn, list(waiting))) | {one.request for one in unreached}
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    promises = [Promise(ESCALATE, waiting[id].workspace, id, clock[0]) for id in sorted(silent)]
    if promises:
        conn.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(promises))


def told(conn: Connection[Any], subjects: Sequence[UUID]) -> list[Told]:
    """These requests as they stand, for those who are to hear of them; without Slack's channels."""
    asked: dict[UUID, dict[UUID, tuple[str, ...]]] = defaultdict(dict)
    for request, person, roles in conn.execute(_ASKED, {"ids": subjects}).fetchall():
        asked[request][person] = tuple(roles)
    said: dict[UUID, list[Words]] = defaultdict(list)
    for request, message, name, kind, text in conn.execute(_SAID, {"ids": subjects}).fetchall():
        to = " to the agent" if kind == "return" else ""
        words = f"{name or 'The agent'}{to}: {text}"
        said[request].append(Words(message, words, by_agent=kind == "message"))
    rows = conn.execute(_READ, {"ids": subjects}).fetchall()
    away = {one: frozenset(absences.absent_now(conn, one)) for one in {row[1] for row in rows}}
    found = []
    for row in rows:
        waits = row[6] == Status.PENDING
        people = asked[row[0]]
        gone = away[row[1]] if waits and row[7] == WaitingOn.PEOPLE else frozenset()
        if waits and row[7] == WaitingOn.PEOPLE and row[12] is not None:
            confirms = row[10] if row[12] == "owner" else row[11] if row[14] else None
            people = {} if confirms is None or confirms in gone else {confirms: ()}
        found.append(
            Told(
                request=row[0],
                workspace=row[1],
                sequence=row[2],
                risk=row[3],
                revision=row[4],
                stage=row[5],
                pending=waits,
                expires_at=row[8],
                asked=people,
                away=gone,
                roles=tuple(row[13]) if waits and row[7] == WaitingOn.PEOPLE and people else (),
                owner=row[10] if not waits and row[9] in _HEARD and not row[15] else None,
                said=tuple(said[row[0]]),
            )
        )
    return found


def _documents(conn: Connection[Any], workspaces: set[UUID]) -> dict[UUID, Document]:
    found = {one: active.document_of(conn, one) for one in workspaces}
    return {one: document for one, document in found.items() if document is not None}


def _placed(told: Told, document: Document | None, named: Sequence[str]) -> Told:
    roles = document.roles if document is not None else {}
    places = {name: roles[name].slack for name in named if name in roles}
    return replace(told, places={name: place for name, place in places.items() if place})


def _defaults(document: Document) -> dict[str, tuple[str, ...]]:
    return {name: role.tell for name, role in document.roles.items() if role.tell}


def _record(conn: Connection[Any], unreached: Sequence[Told]) -> None:
    if not unreached:
        return
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    facts = [
        Fact(
            one.workspace,
            _ACTOR,
            ("req", one.request),
            NotificationUnreached(revision=one.revision, stage=one.stage),
        )
        for one in unreached
    ]
    conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows(facts, clock[0]))
