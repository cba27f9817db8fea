"""Lists of requests, newest first: an agent's own, those of a run, and those approved past their plan."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from agents.authentication import KeyContext
from approvals import read
from approvals.access import MAY_SEE, Reader
from approvals.present import render
from approvals.row import Row
from approvals.sorting import SORTINGS, key_of
from approvals.status import Status
from core import ids, paging
from core.db import pool
from core.paging import Page
from core.problems import bad_query

_NEWEST: Final = SORTINGS["created"]
_REVIEWED = "EXISTS (SELECT 1 FROM approvals_breakglassreview seen WHERE seen.request_id = r.id)"


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
    found = _page(where, values, cursor, limit)
    return Page([render(row, for_person=False) for row in found.items], found.next, found.previous)


def of_run(*, reader: Reader, run_id: UUID, limit: int) -> list[Row]:
    """The newest requests of a run that a person may see."""
    where = f"WHERE r.workspace_id = %(workspace)s AND r.run_id = %(run)s AND {MAY_SEE}"
    return _page(where, {**reader.values(), "run": run_id}, None, limit).items


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
    return _page(where, reader.values(), cursor, limit)


def _page(where: str, values: dict[str, Any], cursor: str | None, limit: int) -> Page[Row]:
    """A page of rows by a condition that an index of the newest answers."""
    paging.check_limit(limit)
    place = paging.decode(cursor, "created", len(_NEWEST.columns)) if cursor is not None else None
    backwards = place is not None and place.backwards
    if place is not None:
        values = values | _NEWEST.values(place)
        where += f" AND {_NEWEST.beyond(backwards=backwards)}"
    tail = f"ORDER BY {_NEWEST.order_by(backwards=backwards)} LIMIT %(limit)s"
    with pool().connection() as conn:
        found = read.fetch(conn, f"{where} {tail}", values | {"limit": limit + 1})
    keyed = [(key_of([row.created_at, row.id]), row) for row in found]
    return paging.page(keyed, limit, "created", place)
