"""Lists of requests: an agent's own, and the inbox of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from agents.authentication import KeyContext
from approvals import read
from approvals.access import MAY_SEE, SEAT_IS_FREE, Reader
from approvals.present import render
from approvals.row import Row
from approvals.status import Status
from core import ids, paging
from core.db import pool
from core.paging import Page
from core.problems import bad_query
from people.sql import OWN_ROLES, ROLES_OF_PERSON, SEAT_IS_FILLED, SEATS_OF_ABSENT

View = Literal["mine", "roles", "watching", "all"]
Order = Literal["created", "urgency"]

#: Requests whose open stage asks a role of ``%(person)s``, or of somebody they stand in for.
_IN_ROLES = f"""
    EXISTS (SELECT 1 FROM approvals_stage s
             WHERE s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
               AND s.index = r.stage AND s.confirm IS NULL AND s.roles && {ROLES_OF_PERSON})
"""

#: Requests whose open stage has a seat for ``%(person)s``: their own, or one of those they stand in for.
_SEATED = f"""
    EXISTS (SELECT 1 FROM approvals_stage s
             WHERE s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
               AND s.index = r.stage AND s.confirm IS NULL AND s.roles && {ROLES_OF_PERSON}
               AND (s.roles && {OWN_ROLES}
                    OR EXISTS (SELECT 1 FROM {SEATS_OF_ABSENT}
                                WHERE ab.stand_in_id = %(person)s AND m.role_id = ANY(s.roles)
                                  AND {SEAT_IS_FILLED} AND {SEAT_IS_FREE})))
"""

#: Requests that ``%(person)s`` could decide on now and has not.
_MINE = f"""
    ((agent.owner_id <> %(person)s AND r.initiator_id IS DISTINCT FROM %(person)s AND {_SEATED})
     OR (%(person)s IN (agent.owner_id, r.initiator_id) AND EXISTS (
            SELECT 1 FROM approvals_stage s
             WHERE s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
               AND s.index = r.stage
               AND %(person)s = CASE s.confirm WHEN 'owner' THEN agent.owner_id
                                               WHEN 'initiator' THEN r.initiator_id END)))
    AND r.waiting_on = 'people'
    AND NOT EXISTS (
        SELECT 1 FROM approvals_decision d
         WHERE d.request_id = r.id AND d.revision = r.revision AND d.stage = r.stage
           AND d.person_id = %(person)s AND d.void_at IS NULL AND d.verdict <> 'return')
"""

#: Requests that ``%(person)s`` follows.
_WATCHED = """
    EXISTS (SELECT 1 FROM approvals_watch seen
             WHERE seen.request_id = r.id AND seen.person_id = %(person)s)
"""

_VIEWS = {
    "mine": f"AND {_MINE}",
    "roles": f"AND {_IN_ROLES}",
    "watching": f"AND {_WATCHED}",
    "all": "",
}

_REVIEWED = "EXISTS (SELECT 1 FROM approvals_breakglassreview seen WHERE seen.request_id = r.id)"

_RANK = "-array_position(ARRAY['low','medium','high','critical'], r.risk::text)"


@dataclass(frozen=True, slots=True)
class Sorting:
    """A sort key, most significant part first, with the types its cursor is read back in.

    Every part runs the same way, so that one row comparison finds a place (risk counts downwards).
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    falling: bool

    def beyond(self, *, backwards: bool) -> str:
        """The condition for what lies beyond a cursor's place."""
        sign = "<" if self.falling != backwards else ">"
        place = ", ".join(f"%(key{number})s::{kind}" for number, kind in enumerate(self.types))
        return f"({', '.join(self.columns)}) {sign} ({place})"

    def order_by(self, *, backwards: bool) -> str:
        """The ORDER BY list."""
        way = "DESC" if self.falling != backwards else "ASC"
        return ", ".join(f"{column} {way}" for column in self.columns)


_SORTINGS = {
    "created": Sorting(("r.created_at", "r.id"), ("timestamptz", "uuid"), falling=True),
    "urgency": Sorting(
        (_RANK, "r.expires_at", "r.id"), ("int", "timestamptz", "uuid"), falling=False
    ),
}


def list_for_agent(
    *,
    caller: KeyContext,
    status: str | None = None,
    action: str | None = None,
    run: str | None = None,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> Page[bytes]:
    """The agent's own requests, newest first.

    Raises:
        Problem: 422 for an unknown status, what is no run's id, a limit out of range or a foreign
            cursor.
    """
    try:
        run_id = ids.decode("run", run) if run is not None else None
    except ids.BadId:
        raise bad_query("run", "The id of a run, such as run_01h455vb4pex5vsknk084sn02q.") from None
    if status is not None and status not in Status.values:
        raise bad_query("status", f"One of {', '.join(Status.values)}.")
    where = "WHERE r.agent_id = %(agent)s"
    where += " AND r.status = %(status)s" if status is not None else ""
    where += " AND r.action = %(action)s" if action is not None else ""
    where += " AND r.run_id = %(run)s" if run_id is not None else ""
    values = {"agent": caller.agent_id, "status": status, "action": action, "run": run_id}
    found = _page(where, values, "created", cursor, limit)
    return Page([render(row, for_person=False) for row in found.items], found.next, found.previous)


def inbox(
    *,
    reader: Reader,
    view: str = "all",
    order: str = "created",
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> Page[Row]:
    """Pending requests that a person may see.

    Args:
        reader: the person.
        view: ``mine`` what they could decide now; ``roles`` what asks a role of theirs; ``watching``
            what they follow; ``all``.
        order: ``created`` newest first, or ``urgency``: by risk, then by the time that is left.

    Raises:
        Problem: 422 for a view, order, limit or cursor there is not.
    """
    if view not in _VIEWS:
        raise bad_query("view", f"One of {', '.join(_VIEWS)}.")
    if order not in _SORTINGS:
        raise bad_query("order", f"One of {', '.join(_SORTINGS)}.")
    where = f"WHERE r.workspace_id = %(workspace)s AND r.status = 'pending' AND {MAY_SEE} {_VIEWS[view]}"
    return _page(where, reader.values(), order, cursor, limit)


def mine_of_action(*, reader: Reader, action: str, limit: int) -> list[Row]:
    """Requests of one action that a person could decide on now, the most urgent first."""
    where = (
        f"WHERE r.workspace_id = %(workspace)s AND r.status = 'pending' AND r.kind = 'request' "
        f"AND r.action = %(action)s AND {MAY_SEE} {_VIEWS['mine']}"
    )
    return _page(where, {**reader.values(), "action": action}, "urgency", None, limit).items


def of_run(*, reader: Reader, run_id: UUID, limit: int) -> list[Row]:
    """The newest requests of a run that a person may see."""
    where = f"WHERE r.workspace_id = %(workspace)s AND r.run_id = %(run)s AND {MAY_SEE}"
    return _page(where, {**reader.values(), "run": run_id}, "created", None, limit).items


def count_unreviewed(*, reader: Reader) -> int:
    """How many of `past_the_plan` nobody else has looked at yet."""
    with pool().connection() as conn:
        found = conn.execute(
            f"SELECT count(*) FROM approvals_request r JOIN agents_agent agent ON agent.id = r.agent_id "
            f"WHERE r.workspace_id = %(workspace)s AND r.basis = 'break_glass' AND {MAY_SEE} "
            f"AND NOT {_REVIEWED}",
            reader.values(),
        ).fetchone()
    assert found is not None  # noqa: S101  # an aggregate always answers
    count: int = found[0]
    return count


def past_the_plan(
    *,
    reader: Reader,
    reviewed: bool | None = None,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> Page[Row]:
    """Requests that administrators approved past their plan, newest first, that a person may see.

    Args:
        reviewed: only those that a third person looked at since, or only the others.

    Raises:
        Problem: 422 for a limit out of range or a foreign cursor.
    """
    where = f"WHERE r.workspace_id = %(workspace)s AND r.basis = 'break_glass' AND {MAY_SEE}"
    if reviewed is not None:
        where += f" AND {'' if reviewed else 'NOT '}{_REVIEWED}"
    return _page(where, reader.values(), "created", cursor, limit)


def count_inbox(*, reader: Reader) -> dict[str, int]:
    """How many requests each view of the inbox holds now."""
    columns = ", ".join(
        f"count(*) FILTER (WHERE true {condition})" for condition in _VIEWS.values()
    )
    with pool().connection() as conn:
        found = conn.execute(
            f"SELECT {columns} FROM approvals_request r JOIN agents_agent agent ON agent.id = r.agent_id "
            f"WHERE r.workspace_id = %(workspace)s AND r.status = 'pending' AND {MAY_SEE}",
            reader.values(),
        ).fetchone()
    assert found is not None  # noqa: S101  # an aggregate always answers
    return dict(zip(_VIEWS, found, strict=True))


def _page(
    where: str, values: dict[str, Any], order: str, cursor: str | None, limit: int
) -> Page[Row]:
    sorting = _SORTINGS[order]
    paging.check_limit(limit)
    place = paging.decode(cursor, order, len(sorting.columns)) if cursor is not None else None
    backwards = place is not None and place.backwards
    if place is not None:
        _check_key(place.key)
        values = values | {f"key{number}": part for number, part in enumerate(place.key)}
        where += f" AND {sorting.beyond(backwards=backwards)}"
    tail = f"ORDER BY {sorting.order_by(backwards=backwards)} LIMIT %(limit)s"
    with pool().connection() as conn:
        found = read.fetch(conn, f"{where} {tail}", values | {"limit": limit + 1})
    return paging.page([(_key(row, order), row) for row in found], limit, order, place)


def _key(row: Row, order: str) -> list[str]:
    if order == "created":
        return [row.created_at.isoformat(), str(row.id)]
    rank = ("low", "medium", "high", "critical").index(row.risk) + 1
    return [str(-rank), row.expires_at.isoformat(), str(row.id)]


def _check_key(key: list[str]) -> None:
    try:
        UUID(key[-1])
        datetime.fromisoformat(key[-2])
        [int(part) for part in key[:-2]]
    except ValueError as error:
        raise paging.not_ours() from error
