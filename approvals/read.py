"""Reading requests: one by one, in lists, for whoever may see them.

Every reader comes through here; there is no other way from a door to a row.  "Absent" and "not yours"
are the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from agents.authentication import KeyContext
from approvals.access import MAY_SEE, Reader
from approvals.present import render
from approvals.row import Row
from approvals.sql import REQUEST_COLUMNS, REQUEST_FROM
from audit.actor import Actor
from audit.kinds import SensitiveShown
from audit.log import INSERT_EVENTS, Fact, event_rows
from core.db import pool
from core.problems import not_found
from people.sql import HOLDS

READ = f"SELECT {REQUEST_COLUMNS} FROM {REQUEST_FROM}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A request as a waiting agent needs it: whether to go on waiting, and what to answer."""

    id: UUID
    status: str
    waiting_on: str | None
    sequence: int
    rendered: bytes

    @property
    def pending(self) -> bool:
        """Whether there is still something to wait for."""
        return self.status == "pending"


def rows(conn: Connection[Any], request_ids: Sequence[UUID]) -> list[Row]:
    """The rows of these requests, in the order asked; those that do not exist are left out."""
    found = _fetch(conn, f"{READ} WHERE r.id = ANY(%(ids)s)", {"ids": list(request_ids)})
    by_id = {row.id: row for row in found}
    return [by_id[request_id] for request_id in request_ids if request_id in by_id]


def for_agent(*, caller: KeyContext, request_id: UUID) -> Snapshot:
    """One of the agent's own requests.

    Raises:
        Problem: 404 where it is not its own, or not there.
    """
    return many_for_agent(caller=caller, request_ids=[request_id])[0]


def many_for_agent(*, caller: KeyContext, request_ids: Sequence[UUID]) -> list[Snapshot]:
    """Several of the agent's own requests, in the order asked.

    Raises:
        Problem: 404 where one is not its own, or not there; which one is not said.
    """
    with pool().connection() as conn:
        found = _fetch(
            conn,
            f"{READ} WHERE r.id = ANY(%(ids)s) AND r.agent_id = %(agent)s AND r.workspace_id = %(workspace)s",
            {"ids": list(request_ids), "agent": caller.agent_id, "workspace": caller.workspace_id},
        )
    by_id = {row.id: _snapshot(row) for row in found}
    if any(request_id not in by_id for request_id in request_ids):
        raise not_found()
    return [by_id[request_id] for request_id in request_ids]


def snapshots(request_ids: Sequence[UUID]) -> dict[UUID, Snapshot]:
    """Requests whose readers were checked before, as their agents see them."""
    with pool().connection() as conn:
        return {row.id: _snapshot(row) for row in rows(conn, request_ids)}


def for_person(*, reader: Reader, request_id: UUID) -> Row:
    """One request that a person may see.

    Raises:
        Problem: 404 where they may not, or there is none.
    """
    with pool().connection() as conn:
        found = _fetch(
            conn,
            f"{READ} WHERE r.id = %(id)s AND r.workspace_id = %(workspace)s AND {MAY_SEE}",
            {**reader.values(), "id": request_id},
        )
    if not found:
        raise not_found()
    return found[0]


_HELD = HOLDS.format(user="qp.user_id", workspace="qp.workspace_id", permission="{permission}")
#: The same as `MAY_SEE`, for many people at once, and with their permission as it is now.
_SIGHTS = f"""
SELECT q.request, q.person
  FROM unnest(%(requests)s::uuid[], %(people)s::uuid[]) AS q (request, person)
  JOIN approvals_request r ON r.id = q.request
  JOIN agents_agent agent ON agent.id = r.agent_id
  JOIN people_person qp ON qp.id = q.person AND qp.workspace_id = r.workspace_id
 WHERE {
    MAY_SEE.replace("%(person)s", "q.person")
    .replace("%(view)s", _HELD.format(permission="view"))
    .replace("%(administers)s", _HELD.format(permission="administer"))
}
"""


def still_visible(sights: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Of these (request, person) pairs, those in which the person may see the request, in one statement."""
    values = {"requests": [one[0] for one in sights], "people": [one[1] for one in sights]}
    with pool().connection() as conn:
        return {(row[0], row[1]) for row in conn.execute(_SIGHTS, values)}


def visible(conn: Connection[Any], reader: Reader, request_ids: Sequence[UUID]) -> list[Row]:
    """Those of these requests that a person may see."""
    where = f"WHERE r.id = ANY(%(ids)s) AND r.workspace_id = %(workspace)s AND {MAY_SEE}"
    return _fetch(conn, f"{READ} {where}", {**reader.values(), "ids": list(request_ids)})


def show_sensitive(*, actor: Actor, reader: Reader, request_id: UUID) -> bytes:
    """The whole payload as canonical JSON, sensitive fields included; that somebody looked is an event.

    Raises:
        Problem: 404 as in `for_person`.
    """
    row = for_person(reader=reader, request_id=request_id)
    fact = Fact(row.workspace_id, actor, ("req", row.id), SensitiveShown(revision=row.revision))
    with pool().connection() as conn:
        clock = conn.execute("SELECT clock_timestamp()").fetchone()
        assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], clock[0]))
    return row.payload


def as_value(rendered: bytes) -> Any:
    """A rendered request object as a value, to stand inside another answer."""
    return msgspec.json.decode(rendered)


def fetch(conn: Connection[Any], where: str, values: dict[str, Any]) -> list[Row]:
    """Rows by a condition (and order) composed from constants; for the lists of `approvals.lists`."""
    return _fetch(conn, f"{READ} {where}", values)


def _snapshot(row: Row) -> Snapshot:
    return Snapshot(row.id, row.status, row.waiting_on, row.sequence, render(row, for_person=False))


def _fetch(conn: Connection[Any], statement: str, values: dict[str, Any]) -> list[Row]:
    found = conn.execute(statement, values).fetchall()
    return [Row(*columns) for columns in found]
