"""The inbox of a person: what waits and what ended, narrowed, sorted, counted.

Few rows are found among very many: first their ids, by a statement that is planned for the very values it is asked
with (`core.db.looking`), then the rows by id. Whatever a search names, `MAY_SEE` stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import filters, read
from approvals.access import MAY_SEE, SEAT_IS_FREE, Reader
from approvals.filters import Filters
from approvals.row import Row
from approvals.sorting import SORTINGS, key_of
from approvals.status import Status
from core import durations, paging
from core.db import looking, pool
from core.paging import Page
from core.problems import bad_query
from people.sql import OWN_ROLES, ROLES_OF_PERSON, SEAT_IS_FILLED, SEATS_OF_ABSENT

#: A view that holds more than this says so, and no more.
MOST_COUNTED: Final = 999

#: Requests whose open stage asks a role of ``%(person)s``, or of somebody they stand in for.
_IN_ROLES: Final = f"""
    EXISTS (SELECT 1 FROM approvals_stage s
             WHERE s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
               AND s.index = r.stage AND s.confirm IS NULL AND s.roles && {ROLES_OF_PERSON})
"""

#: Requests whose open stage has a seat for ``%(person)s``: their own, or one of those they stand in for.
_SEATED: Final = f"""
    EXISTS (SELECT 1 FROM approvals_stage s
             WHERE s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
               AND s.index = r.stage AND s.confirm IS NULL AND s.roles && {ROLES_OF_PERSON}
               AND (s.roles && {OWN_ROLES}
                    OR EXISTS (SELECT 1 FROM {SEATS_OF_ABSENT}
                                WHERE ab.stand_in_id = %(person)s AND m.role_id = ANY(s.roles)
                                  AND {SEAT_IS_FILLED} AND {SEAT_IS_FREE})))
"""

#: Requests that ``%(person)s`` could decide on now and has not.
MINE: Final = f"""
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
_WATCHED: Final = """
    EXISTS (SELECT 1 FROM approvals_watch seen
             WHERE seen.request_id = r.id AND seen.person_id = %(person)s)
"""

#: Requests that ``%(person)s`` said something on: a verdict of any kind, void or not.
_DECIDED: Final = """
    EXISTS (SELECT 1 FROM approvals_decision d
             WHERE d.request_id = r.id AND d.person_id = %(person)s)
"""

VIEWS: Final = {"mine": MINE, "roles": _IN_ROLES, "watching": _WATCHED, "all": "true"}
#: The same of requests that ended: no stage of theirs is open.
PAST_VIEWS: Final = {
    "mine": _DECIDED,
    "roles": f"r.roles && {ROLES_OF_PERSON}",
    "watching": _WATCHED,
    "all": "true",
}

#: What goes with `MAY_SEE` to find the few requests that somebody may see among very many: never more than
#: it, in words that an index answers.
_IN_SIGHT: Final = """
    (r.roles && %(held)s::uuid[] OR r.agent_id = ANY(%(owned)s::uuid[]) OR r.initiator_id = %(person)s
     OR (r.told @> ARRAY[%(person)s::uuid] AND r.told <> '{}')
     OR r.id = ANY(ARRAY(SELECT past.request_id FROM approvals_breakglass past
                          WHERE %(administers)s AND past.workspace_id = %(workspace)s)))
"""
_SIGHT_OF: Final = f"""
SELECT {ROLES_OF_PERSON},
       ARRAY(SELECT id FROM agents_agent WHERE workspace_id = %(workspace)s AND owner_id = %(person)s)
"""

#: How many of the last ended are looked at by their order: so many, and where that promises a full page, so many.
_NEAR: Final = 4_000
_FAR: Final = 20_000

_WORKSPACE: Final = "r.workspace_id = %(workspace)s"
_FROM: Final = "approvals_request r JOIN agents_agent agent ON agent.id = r.agent_id"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One page that is looked for: which rows by their state alone, which of them, and in which order."""

    conn: Connection[Any]
    columns: str
    where: str
    rest: str
    ordered: str
    #: ``limit``: one row more than the page has.
    values: dict[str, Any]

    def all(self, ordered: str = "") -> list[tuple[Any, ...]]:
        """Among all there are."""
        return self._rows(
            f"SELECT {self.columns} FROM {_FROM} WHERE {self.where} AND {self.rest} "
            f"ORDER BY {ordered or self.ordered} LIMIT %(limit)s"
        )

    def past(self) -> list[tuple[Any, ...]]:
        """Among past ones: first among the last, then among all, until one look fills the page.

        How many rows a word begins cannot be estimated, and a wrong guess reads all there are.  So past ones are
        first looked for among the last ended, by their order; where these are too few, and there are more, what is
        looked for is rare, and is found by its own index, which the last look leaves as the only way: it sorts by
        no index's order.
        """
        last = f"SELECT {{}} FROM approvals_request r WHERE {self.where} ORDER BY {self.ordered}"
        for most in (_NEAR, _FAR):
            found = self._rows(
                f"SELECT {self.columns} FROM ({last.format('*')} LIMIT {most}) AS r "
                f"JOIN agents_agent agent ON agent.id = r.agent_id "
                f"WHERE {self.rest} ORDER BY {self.ordered} LIMIT %(limit)s"
            )
            if len(found) == self.values["limit"]:
                return found
            if not self._rows(f"{last.format('1')} OFFSET {most} LIMIT 1"):
                return found
            if len(found) * _FAR < self.values["limit"] * _NEAR:
                break
        return self.all(self.ordered.replace("_at ", "_at + interval '0' "))

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        # There are many ways to narrow: none of them pushes a hot statement out.
        return self.conn.execute(statement, self.values, prepare=False).fetchall()


def find(
    *,
    reader: Reader,
    view: str = "all",
    order: str = "",
    chosen: Filters | None = None,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> Page[Row]:
    """Requests that a person may see: those that wait, or past ones where the filters say so.

    Args:
        reader: the person.
        view: ``mine`` what they could decide now, of past ones what they said something on; ``roles`` what
            asks, or asked, a role of theirs; ``watching`` what they follow; ``all``.
        order: ``created`` newest first; ``urgency`` by risk, then by the time that is left; ``ended`` what
            ended last first.  Unsaid, it is the usual one: `usual_order`.
        chosen: what else they are narrowed by.  The id of a request finds it in whichever state it is.

    Raises:
        Problem: 422 for a view, order, limit or cursor there is not.
    """
    chosen = chosen or Filters()
    order = checked(view, order, chosen)
    paging.check_limit(limit)
    sorting = SORTINGS[order]
    place = paging.decode(cursor, order, len(sorting.columns)) if cursor is not None else None
    backwards = place is not None and place.backwards
    with looking() as conn:
        where, rest, values = _where(conn, reader, view, chosen)
        if place is not None:
            values |= sorting.values(place)
            where += f" AND {sorting.beyond(backwards=backwards)}"
        values["limit"] = limit + 1
        ordered = sorting.order_by(backwards=backwards)
        asked = _Asked(conn, ", ".join(sorting.columns), where, rest, ordered, values)
        found = asked.past() if chosen.past and not chosen.names_request else asked.all()
    made = paging.page([(key_of(row), row[-1]) for row in found], limit, order, place)
    return Page(_rows(made.items, chosen), made.next, made.previous)


def mine_of_action(*, reader: Reader, action: str, risks: Sequence[str], limit: int) -> list[UUID]:
    """The ids of requests of one action that a person could decide on now, the most urgent first."""
    order = SORTINGS["urgency"].order_by(backwards=False)
    with pool().connection() as conn:
        found = conn.execute(
            f"SELECT r.id FROM {_FROM} WHERE r.workspace_id = %(workspace)s AND r.status = 'pending' "
            f"AND r.kind = 'request' AND r.action = %(action)s AND r.risk = ANY(%(risks)s::text[]) "
            f"AND {MAY_SEE} AND {MINE} ORDER BY {order} LIMIT %(limit)s",
            {**reader.values(), "action": action, "risks": list(risks), "limit": limit},
            prepare=True,
        ).fetchall()
    return [row[0] for row in found]


def mine_among(*, reader: Reader, request_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these requests that a person could decide on now."""
    with looking() as conn:
        found = conn.execute(
            f"SELECT r.id FROM {_FROM} WHERE r.id = ANY(%(ids)s::uuid[]) "
            f"AND r.workspace_id = %(workspace)s AND r.status = 'pending' AND {MAY_SEE} AND {MINE}",
            {**reader.values(), "ids": list(request_ids)},
        ).fetchall()
    return {row[0] for row in found}


def count(*, reader: Reader, views: Sequence[str] = tuple(VIEWS)) -> dict[str, int]:
    """How many requests that wait each of these views holds now; one more than `MOST_COUNTED` where it is more."""
    columns = ", ".join(
        f"(SELECT count(*) FROM (SELECT 1 FROM {_FROM} WHERE r.workspace_id = %(workspace)s "
        f"AND r.status = 'pending' AND {MAY_SEE} AND {VIEWS[view]} LIMIT {MOST_COUNTED + 1}) AS few)"
        for view in views
    )
    # Always the same way, by the index of what waits: planned anew, it took longer than to count.
    with pool().connection() as conn:
        found = conn.execute(f"SELECT {columns}", reader.values(), prepare=True).fetchone()
    assert found is not None  # noqa: S101  # an aggregate always answers
    return dict(zip(views, found, strict=True))


def usual_order(chosen: Filters) -> str:
    """How they are sorted where nothing is said."""
    return "ended" if chosen.past else "urgency"


def checked(view: str, order: str, chosen: Filters) -> str:
    """The order, which has to fit what is asked for; the usual one where none is said.

    Raises:
        Problem: 422 for a view or order there is not, or not here.
    """
    order = order or usual_order(chosen)
    if view not in VIEWS:
        raise bad_query("view", f"One of {', '.join(VIEWS)}.")
    if order not in SORTINGS:
        raise bad_query("order", f"One of {', '.join(SORTINGS)}.")
    if chosen.names_request:
        return "created"
    if order == ("urgency" if chosen.past else "ended"):
        waits = "ended, or created" if chosen.past else "urgency, or created"
        raise bad_query("order", f"One of {waits} here.")
    return order


def _where(
    conn: Connection[Any], reader: Reader, view: str, chosen: Filters
) -> tuple[str, str, dict[str, Any]]:
    """Which rows by their state alone, which of them, and the parameters."""
    means = filters.meant(conn, reader.workspace_id, chosen)
    narrowed, values = filters.condition(chosen, means, reader.person_id)
    values |= reader.values()
    ended = _ended(chosen, values)
    if chosen.names_request:
        views = f"CASE WHEN r.status = 'pending' THEN {VIEWS[view]} ELSE {PAST_VIEWS[view]} END"
        return _joined(_WORKSPACE, *ended), _joined(MAY_SEE, views, narrowed), values
    if not chosen.past:
        return (
            _joined(_WORKSPACE, "r.status = 'pending'"),
            _joined(MAY_SEE, VIEWS[view], narrowed),
            values,
        )
    states = _joined(_WORKSPACE, "r.status <> 'pending'", *_outcomes(chosen, values), *ended)
    rest = [MAY_SEE, PAST_VIEWS[view], narrowed]
    if not reader.sees_all:
        found = conn.execute(_SIGHT_OF, reader.values()).fetchone()
        assert found is not None  # noqa: S101  # a SELECT without FROM always answers
        values |= {"held": found[0], "owned": found[1]}
        rest.insert(0, _IN_SIGHT)
    return states, _joined(*rest), values


def _outcomes(chosen: Filters, values: dict[str, Any]) -> list[str]:
    if chosen.state == (filters.PAST,):
        return []
    if len(chosen.state) == 1:  # one alone is found in its own order
        values["state"] = chosen.state[0]
        return ["r.status = %(state)s::text"]
    values["states"] = list(chosen.state)
    return ["r.status = ANY(%(states)s::text[])"]


def _ended(chosen: Filters, values: dict[str, Any]) -> list[str]:
    """When it ended, where that is asked: by a moment that stands still, so that an index begins there."""
    if not chosen.ended:
        return []
    values["ended"] = durations.parse(chosen.ended)
    return ["r.ended_at >= statement_timestamp() - %(ended)s::interval"]


def _joined(*conditions: str) -> str:
    return " AND ".join(f"({one})" for one in conditions)


def _rows(found: Sequence[UUID], chosen: Filters) -> list[Row]:
    """The rows of these; those that ended since they were found, where those that wait were."""
    with pool().connection() as conn:
        rows = read.rows(conn, found)
    if chosen.past or chosen.names_request:
        return rows
    return [row for row in rows if row.status == Status.PENDING]
