"""Who looks into a request: claim, release, reassign; and following one without deciding it.

A claim tells the others; it takes nobody's vote away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias
from uuid import UUID

from psycopg import Connection

from approvals import read
from approvals.access import SEAT_IS_FOR_OTHERS, Reader
from approvals.ends import inbox_of, waiters_of
from approvals.held import Held, hold
from approvals.present import render
from audit.actor import Actor
from audit.kinds import Data, RequestClaimed, RequestReleased
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import failpoints, ids
from core.db import pool
from core.nudge import nudger
from core.problems import FieldError, Problem, conflict, forbidden, invalid
from people import absences
from people.sql import (
    IS_ACTIVE,
    MEMBERSHIP_IS_VALID,
    OWN_ROLES,
    PERSON_NAME,
    SEAT_IS_FILLED,
    SEATS_OF_ABSENT,
    VALID_MEMBERSHIPS,
)

#: Whether ``%(person)s``, or one they stand in for, is asked by the plan of ``%(request)s``, and it is not their own.
_ASKED: Final = f"""
SELECT (r.roles && {OWN_ROLES}
        OR EXISTS (SELECT 1 FROM {SEATS_OF_ABSENT}
                    WHERE ab.stand_in_id = %(person)s AND m.role_id = ANY(r.roles)
                      AND {SEAT_IS_FILLED} AND {SEAT_IS_FOR_OTHERS}))
       AND agent.owner_id <> %(person)s AND r.initiator_id IS DISTINCT FROM %(person)s
       AND {IS_ACTIVE.format(person="%(person)s")}
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
 WHERE r.id = %(request)s
"""

_CANDIDATES: Final = f"""
SELECT p.id, {PERSON_NAME.format(user="u")} AS name
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
  JOIN LATERAL (
       SELECT m.person_id FROM {VALID_MEMBERSHIPS} WHERE m.role_id = ANY(r.roles) AND {MEMBERSHIP_IS_VALID}
       UNION
       SELECT ab.stand_in_id FROM {SEATS_OF_ABSENT}
        WHERE m.role_id = ANY(r.roles) AND {SEAT_IS_FILLED} AND {SEAT_IS_FOR_OTHERS}
  ) AS asked ON asked.person_id <> agent.owner_id AND asked.person_id IS DISTINCT FROM r.initiator_id
  JOIN people_person p ON p.id = asked.person_id
  JOIN people_user u ON u.id = p.user_id
 WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s
 ORDER BY name
 LIMIT 100
"""

_CLAIM: Final = f"""
WITH claimed AS (
    UPDATE approvals_request SET claimed_by_id = %(claimed_by)s, sequence = sequence + 1
     WHERE id = %(request)s
),
{INSERT_EVENTS}
SELECT 1
"""

_WATCH: Final = """
INSERT INTO approvals_watch (id, workspace_id, request_id, person_id, since)
VALUES (%(id)s, %(workspace)s, %(request)s, %(person)s, clock_timestamp())
ON CONFLICT (request_id, person_id) DO NOTHING
"""
_UNWATCH: Final = """
DELETE FROM approvals_watch WHERE request_id = %(request)s AND person_id = %(person)s
"""


def claim(*, actor: Actor, reader: Reader, request_id: UUID) -> bytes:
    """Say that one looks into it; the request object then.  Once more changes nothing.

    Raises:
        Problem: 404 nothing to see; 403 ``not_asked``; 409 it has ended, or somebody else looks
            into it (reassign it then).
    """

    def change(conn: Connection[Any], held: Held) -> tuple[Data, UUID | None] | None:
        if held.claimed_by == reader.person_id:
            return None
        if held.claimed_by is not None:
            detail = "Somebody else looks into it: ask them, or reassign it to you."
            raise conflict("claimed", detail)
        must_be_asked(conn, request_id, reader.person_id)
        data = RequestClaimed(person=ids.encode("per", reader.person_id), before=None)
        return data, reader.person_id

    return _change(actor, reader, request_id, change)


def release(*, actor: Actor, reader: Reader, request_id: UUID) -> bytes:
    """Look into it no longer; the request object then.  Where nobody did, nothing changes.

    Raises:
        Problem: 404 nothing to see; 403 ``claimed_by_another``; 409 it has ended.
    """

    def change(conn: Connection[Any], held: Held) -> tuple[Data, UUID | None] | None:
        if held.claimed_by is None:
            return None
        if held.claimed_by != reader.person_id:
            detail = "Somebody else looks into it: only they release it; it may be reassigned."
            raise forbidden(detail, code="claimed_by_another")
        return RequestReleased(before=ids.encode("per", held.claimed_by)), None

    return _change(actor, reader, request_id, change)


def reassign(*, actor: Actor, reader: Reader, request_id: UUID, to: str) -> bytes:
    """Say that another one looks into it, whoever did before; the request object then.

    Args:
        to: the person's id.

    Raises:
        Problem: 404 nothing to see; 403 ``not_asked``; 409 it has ended; 422 a person who could not
            decide on it.
    """
    person = _person(to)

    def change(conn: Connection[Any], held: Held) -> tuple[Data, UUID | None] | None:
        must_be_asked(conn, request_id, reader.person_id)
        if not _asked(conn, request_id, person):
            raise _cannot_decide()
        if held.claimed_by == person:
            return None
        before = ids.encode("per", held.claimed_by) if held.claimed_by else None
        return RequestClaimed(person=ids.encode("per", person), before=before), person

    return _change(actor, reader, request_id, change)


def watch(*, reader: Reader, request_id: UUID) -> None:
    """Follow a request that one may see; once more changes nothing.

    Raises:
        Problem: 404 nothing to see.
    """
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        conn.execute(_WATCH, _watching(reader, request_id) | {"id": ids.uuid7()})


def unwatch(*, reader: Reader, request_id: UUID) -> None:
    """Follow it no longer.

    Raises:
        Problem: 404 nothing to see.
    """
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        conn.execute(_UNWATCH, _watching(reader, request_id))


def watches(*, reader: Reader, request_id: UUID) -> bool:
    """Whether this person follows it."""
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT 1 FROM approvals_watch WHERE request_id = %(request)s AND person_id = %(person)s",
            _watching(reader, request_id),
        ).fetchone()
    return found is not None


def candidates(*, reader: Reader, request_id: UUID) -> list[tuple[UUID, str]]:
    """Who could look into it, by id and name: everybody whom its plan asks, not those whose own it is.

    Who stands in for somebody is among them; of who is away, the name says so.
    """
    with pool().connection() as conn:
        found = conn.execute(_CANDIDATES, _watching(reader, request_id)).fetchall()
        gone = absences.away_now(conn, reader.workspace_id)
    return [(person, gone[person].said if person in gone else name) for person, name in found]


def _watching(reader: Reader, request_id: UUID) -> dict[str, Any]:
    return {
        "workspace": reader.workspace_id,
        "request": request_id,
        "person": reader.person_id,
    }


#: What to tell and who looks into it then, or None where nothing changes.
Change: TypeAlias = Callable[[Connection[Any], Held], "tuple[Data, UUID | None] | None"]


def _change(actor: Actor, reader: Reader, request_id: UUID, change: Change) -> bytes:
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        with conn.transaction():
            held = hold(conn, reader.workspace_id, request_id)
            held.check_pending()
            changed = change(conn, held)
            if changed is not None:
                data, claimed_by = changed
                fact = Fact(reader.workspace_id, actor, ("req", request_id), data)
                values = {"request": request_id, "claimed_by": claimed_by}
                conn.execute(_CLAIM, values | event_rows([fact], held.now))
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return render(row, for_person=True)


def must_be_asked(conn: Connection[Any], request_id: UUID, person: UUID) -> None:
    """Refuse whom the plan does not ask.

    Raises:
        Problem: 403 ``not_asked``.
    """
    if not _asked(conn, request_id, person):
        raise forbidden("The plan of this request does not ask you.", code="not_asked")


def _asked(conn: Connection[Any], request_id: UUID, person: UUID) -> bool:
    found = conn.execute(_ASKED, {"request": request_id, "person": person}).fetchone()
    return found is not None and bool(found[0])


def _person(text: str) -> UUID:
    try:
        return ids.decode("per", text)
    except ids.BadId:
        raise _cannot_decide() from None


def _cannot_decide() -> Problem:
    detail = "The id of a person who could decide on it, such as per_01h455vb4pex5vsknk084sn02q."
    return invalid([FieldError("/to", "cannot_decide", detail)])
