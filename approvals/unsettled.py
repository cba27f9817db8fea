"""Approvals that their agents' owners ought to look at: lapsed, or used without a word of the result.

Read by agent, so that one agent's flood costs and hides nothing of another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from approvals.access import Reader
from approvals.status import PermitState
from core.db import pool

#: For how long it is news.
RECENT: Final = timedelta(days=7)
#: Beyond this it is "more than".
MOST_COUNTED: Final = 99
#: The newest of each agent that a list shows, and of all together.
MOST_OF_AN_AGENT: Final = 20
MOST_LISTED: Final = 200

#: Owners see what their agents did (`approvals.access`); who may see all and administers, everybody's.
#: `clock_timestamp()` would not bound the index: what is older would be read to be left out.
_OF_READER: Final = """
  FROM agents_agent agent
 CROSS JOIN LATERAL (
    SELECT r.id, r.title, r.unsettled_at FROM approvals_request r
     WHERE r.agent_id = agent.id AND r.permit_state = {state} AND r.unsettled_at IS NOT NULL
       AND r.unsettled_at > statement_timestamp() - %(recent)s
     ORDER BY r.unsettled_at DESC LIMIT %(most_of_an_agent)s
 ) AS found
 WHERE agent.workspace_id = %(workspace)s {whose}
"""
_LAPSED: Final = f"'{PermitState.LAPSED}'"
_UNTOLD: Final = f"'{PermitState.CONSUMED}'"
_COUNT: Final = "(SELECT count(*) FROM (SELECT 1 {found} LIMIT %(most_of_an_agent)s) AS counted)"
_LIST: Final = """
SELECT found.id, found.title, agent.name, found.unsettled_at,
       EXISTS (SELECT 1 FROM approvals_permit made WHERE made.request_id = found.id)
{found} ORDER BY found.unsettled_at DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """One approval, since when its owner ought to look, and whether the agent had picked it up."""

    id: UUID
    title: str
    agent_name: str
    since: datetime
    picked_up: bool


def count(*, reader: Reader) -> tuple[int, int]:
    """How many recently lapsed, and how many were used without a result; at most 100 each."""
    columns = ", ".join(
        _COUNT.format(found=_of(reader, state=state)) for state in (_LAPSED, _UNTOLD)
    )
    with pool().connection() as conn:
        values = _values(reader, MOST_COUNTED + 1)
        row = conn.execute(f"SELECT {columns}", values).fetchone()
    assert row is not None  # noqa: S101  # aggregates always answer
    return row[0], row[1]


def lapsed(*, reader: Reader) -> list[Unsettled]:
    """What nobody used in time, the newest first: 20 of each agent, 200 in all."""
    return _list(reader, _LAPSED)


def untold(*, reader: Reader) -> list[Unsettled]:
    """What a tool used and nobody told the result of, in the same way."""
    return _list(reader, _UNTOLD)


def _list(reader: Reader, state: str) -> list[Unsettled]:
    statement = _LIST.format(found=_of(reader, state=state))
    values = _values(reader, MOST_OF_AN_AGENT) | {"most": MOST_LISTED}
    with pool().connection() as conn:
        return [Unsettled(*row) for row in conn.execute(statement, values).fetchall()]


def _of(reader: Reader, *, state: str) -> str:
    everybody = reader.sees_all and "administer" in reader.permissions
    return _OF_READER.format(
        state=state, whose="" if everybody else "AND agent.owner_id = %(person)s"
    )


def _values(reader: Reader, most_of_an_agent: int) -> dict[str, Any]:
    return {
        "workspace": reader.workspace_id,
        "person": reader.person_id,
        "recent": RECENT,
        "most_of_an_agent": most_of_an_agent,
    }
