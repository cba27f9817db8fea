"""Fills a workspace with requests, straight into the tables, as copies of ones that the product wrote.

What differs from one to the next: ids, times, title, action, agent, risk, the roles that it asks, the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg

#: Every so many ask the role of few, and every so many a role other than the usual one.
RARE: Final = 40_000
OTHERS: Final = 5
AGENTS: Final = 40

#: The id of row ``n`` in each table; request ids grow with time, as the product's do.
_ID: Final = "('0190{kind:04x}0000' || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid"
#: The last id of a row that was filled in.
LAST_ID: Final = UUID("01900010-ffff-7fff-8fff-ffffffffffff")
_KINDS: Final = {"request": 0x10, "revision": 0x11, "stage": 0x12, "decision": 0x13}
_AT: Final = "now() - interval '90 days' * (1 - n / %(of)s::float8)"
_AGENT: Final = (
    "(%(agents)s::uuid[])[1 + (n %% 1000 * 7919) %% array_length(%(agents)s::uuid[], 1)]"
)
_ROLES: Final = (
    "CASE WHEN n %% %(rare)s = 7 THEN ARRAY[%(rare_role)s::uuid] "
    "WHEN n %% %(others)s = 0 THEN ARRAY[%(other_role)s::uuid] ELSE {usual} END"
)
_WORDS: Final = "(ARRAY['invoice','refund','record','address','parcel','contract','picture','price'])[1 + n %% 8]"


@dataclass(frozen=True, slots=True)
class Filling:
    """Which rows to add: numbered from ``first`` up to ``last``, of which the newest ``pending`` wait."""

    first: int
    last: int
    pending: int
    #: Requests that the product wrote: one that waits, and one that a person approved.
    waiting: UUID
    decided: UUID
    rare_role: UUID
    other_role: UUID


def fill(url: str, filling: Filling) -> None:
    """Add the rows, and let the server look at its tables as it would have by then."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "SET session_replication_role = replica"
        )  # keys were checked when they were written
        agents = _agents(conn, filling.waiting)
        split = filling.last - filling.pending
        if filling.first <= split:
            _add(conn, filling, agents, filling.decided, (filling.first, split), ended=True)
        if split < filling.last:
            begin = max(split + 1, filling.first)
            _add(conn, filling, agents, filling.waiting, (begin, filling.last), ended=False)
            _promise(conn, filling.waiting, (begin, filling.last))
        for table in _KINDS:
            conn.execute(f"VACUUM (ANALYZE) approvals_{table}".encode())


def _agents(conn: psycopg.Connection[Any], like: UUID) -> list[UUID]:
    """Copies of the agent, by the same owner."""
    columns = _columns(conn, "agents_agent")
    changed = {"id": "uuidv7()", "name": "t.name || ' ' || n"}
    conn.execute(
        f"INSERT INTO agents_agent ({', '.join(columns)}) "
        f"SELECT {', '.join(changed.get(name, f't.{name}') for name in columns)} "
        "FROM agents_agent t, generate_series(1, %(most)s) AS n "
        "WHERE t.id = (SELECT agent_id FROM approvals_request WHERE id = %(like)s) "
        "ON CONFLICT DO NOTHING",
        {"most": AGENTS, "like": like},
    )
    return [row[0] for row in conn.execute("SELECT id FROM agents_agent ORDER BY name")]


def _add(
    conn: psycopg.Connection[Any],
    filling: Filling,
    agents: list[UUID],
    like: UUID,
    numbers: tuple[int, int],
    *,
    ended: bool,
) -> None:
    """Copies of one request with its revision, stage and vote."""
    values = {
        "of": filling.last,
        "agents": agents,
        "rare": RARE,
        "others": OTHERS,
        "rare_role": filling.rare_role,
        "other_role": filling.other_role,
        "like": like,
        "first": numbers[0],
        "last": numbers[1],
    }
    for kind in _KINDS:
        changed = {"id": _ID.format(kind=_KINDS[kind]), **_changes(kind, ended=ended)}
        columns = _columns(conn, f"approvals_{kind}")
        key = "id" if kind == "request" else "request_id"
        conn.execute(
            f"INSERT INTO approvals_{kind} ({', '.join(columns)}) "
            f"SELECT {', '.join(changed.get(name, f't.{name}') for name in columns)} "
            f"FROM approvals_{kind} t, generate_series(%(first)s::int, %(last)s::int) AS n "
            f"WHERE t.{key} = %(like)s",
            values,
        )


def _changes(kind: str, *, ended: bool) -> dict[str, str]:
    """What of a row differs from the one that it is a copy of."""
    roles = _ROLES.format(usual="t.roles")
    if kind == "stage":
        closed = f"{_AT} + interval '5 minutes'" if ended else "NULL"
        return {
            "request_id": _ID.format(kind=_KINDS["request"]),
            "roles": roles,
            "opened_at": _AT,
            "closed_at": closed,
        }
    if kind != "request":
        at = {"revision": "created_at", "decision": "at"}[kind]
        return {"request_id": _ID.format(kind=_KINDS["request"]), at: _AT}
    outcome = "CASE WHEN n %% 50 = 1 THEN 'rejected' ELSE 'approved' END"
    return {
        "agent_id": _AGENT,
        "title": f"'Publish ' || {_WORDS} || ' ' || n",
        "action": "CASE WHEN n %% 10 = 0 THEN 'records.kind_' || n %% 500 ELSE t.action END",
        "risk": "(ARRAY['low','medium','high','critical'])[1 + n / 8 %% 4]",
        "roles": roles,
        "idempotency_key": "NULL",
        "idempotency_digest": "NULL",
        "created_at": _AT,
        "expires_at": f"{_AT} + interval '1 day'"
        if ended
        else "now() + interval '1 day' * (1 + n %% 7)",
        "ended_at": f"{_AT} + interval '5 minutes'" if ended else "NULL",
        **(
            {
                "status": outcome,
                "permit_state": "CASE WHEN n %% 50 = 1 THEN NULL ELSE 'lapsed' END",
                "use_by": f"CASE WHEN n %% 50 = 1 THEN NULL ELSE {_AT} + interval '1 hour' END",
            }
            if ended
            else {}
        ),
    }


def _promise(conn: psycopg.Connection[Any], like: UUID, numbers: tuple[int, int]) -> None:
    """The clocks of those that wait, none of which is due."""
    columns = _columns(conn, "core_due")
    changed = {
        "id": "uuidv7()",
        "subject": _ID.format(kind=_KINDS["request"]),
        "due_at": "now() + interval '1 day'",
        "ready_at": "now() + interval '1 day'",
    }
    conn.execute(
        f"INSERT INTO core_due ({', '.join(columns)}) "
        f"SELECT {', '.join(changed.get(name, f't.{name}') for name in columns)} "
        "FROM core_due t, generate_series(%(first)s::int, %(last)s::int) AS n "
        "WHERE t.subject = %(like)s AND t.kind = 'request.expire'",
        {"like": like, "first": numbers[0], "last": numbers[1]},
    )


def _columns(conn: psycopg.Connection[Any], table: str) -> list[str]:
    found = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        [table],
    )
    return [f'"{row[0]}"'.replace('"', "") for row in found]
