"""Who looks into a request: claim, release, reassign; and following one without deciding it.

A claim tells the others; it takes nobody's vote away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias
from uuid import UUID

from psycopg import Connection

from approvals import read
from approvals.access import Reader
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
from people.sql import IS_ACTIVE, MEMBERSHIP_IS_VALID, PERSON_NAME, ROLES_OF_PERSON

#: Whether ``%(person)s`` is asked by the plan of ``%(request)s``, and it is not their own.
_ASKED: Final = f"""
SELECT r.roles && {ROLES_OF_PERSON}
       AND agent.owner_id <> %(person)s AND r.initiator_id IS DISTINCT FROM %(person)s
       AND {IS_ACTIVE.format(person="%(person)s")}
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
 WHERE r.id = %(request)s
"""

_CANDIDATES: Final = f"""
SELECT DISTINCT mp.id, {PERSON_NAME.format(user="mu")} AS name
  FROM approvals_request r
  JOIN agents_agent agent ON agent.id = r.agent_id
  JOIN people_membership m ON m.role_id = ANY(r.roles)
  JOIN people_person mp ON mp.id = m.person_id AND mp.active
  JOIN people_user mu ON mu.id = mp.user_id AND mu.is_active
 WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s AND {MEMBERSHIP_IS_VALID}
   AND mp.id <> agent.owner_id AND mp.id IS DISTINCT FROM r.initiator_id
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
    """Who could look into it, by id and name: everybody whom its plan asks, not those whose own it is."""
    with pool().connection() as conn:
        return conn.execute(_CANDIDATES, _watching(reader, request_id)).fetchall()


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
