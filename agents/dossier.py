"""Who asked: an agent, the key it asked with, its run, and what it did around that moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from audit.log import rfc3339
from core import ids
from core.canonical import show_digest
from people.sql import NAME_OF, PERSON_NAME

#: How many steps are told of before the moment, and how many after it.
STEPS_AROUND: Final = 50

_AGENT: Final = f"""
SELECT a.id, a.name, a.state, a.created_at, a.owner_id, {PERSON_NAME.format(user="u")} AS owner
  FROM agents_agent a
  JOIN people_person o ON o.id = a.owner_id
  JOIN people_user u ON u.id = o.user_id
 WHERE a.id = %(agent)s AND a.workspace_id = %(workspace)s
"""
_KEY: Final = """
SELECT id, scopes, created_at, expires_at, revoked_at FROM agents_key
 WHERE id = %(key)s AND workspace_id = %(workspace)s
"""
_RUN: Final = f"""
SELECT run.id, run.external_id, run.agent_version, run.parent_id, run.initiator_id, run.state,
       {NAME_OF.format(person="run.initiator_id")} AS initiator, run.created_at, run.ended_at,
       (SELECT count(*) FROM agents_step s WHERE s.run_id = run.id) AS steps
  FROM agents_run run WHERE run.id = %(run)s AND run.workspace_id = %(workspace)s
"""
_STEP: Final = "number, kind, name, call_id, started_at, ended_at, attempt, status, error, labels"
_STEPS: Final = f"""
SELECT * FROM (
    (SELECT {_STEP}, input_digest, output_digest FROM agents_step
      WHERE run_id = %(run)s AND started_at <= %(at)s ORDER BY number DESC LIMIT %(most)s)
    UNION ALL
    (SELECT {_STEP}, input_digest, output_digest FROM agents_step
      WHERE run_id = %(run)s AND started_at > %(at)s ORDER BY number LIMIT %(most)s)) AS around
 ORDER BY number
"""


def agent(conn: Connection[Any], workspace: UUID, agent_id: UUID, key_id: UUID) -> dict[str, Any]:
    """The agent, its owner, and the key it asked with: none where that row is gone."""
    with conn.cursor(row_factory=dict_row) as cursor:
        values = {"agent": agent_id, "key": key_id, "workspace": workspace}
        found = cursor.execute(_AGENT, values).fetchone()
        key = cursor.execute(_KEY, values).fetchone()
    assert found is not None  # noqa: S101  # the request's foreign key holds it
    return {
        "id": ids.encode("agt", found["id"]),
        "name": found["name"],
        "state": found["state"],
        "created_at": rfc3339(found["created_at"]),
        "owner": {"id": ids.encode("per", found["owner_id"]), "name": found["owner"]},
        "key": {
            "id": ids.encode("key", key_id),
            "scopes": key["scopes"] if key else None,
            "created_at": _at(key["created_at"]) if key else None,
            "expires_at": _at(key["expires_at"]) if key else None,
            "revoked_at": _at(key["revoked_at"]) if key else None,
        },
    }


def run(
    conn: Connection[Any], workspace: UUID, run_id: UUID | None, at: datetime
) -> dict[str, Any] | None:
    """The run, and its steps around an instant: `STEPS_AROUND` before it and as many after it."""
    if run_id is None:
        return None
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_RUN, {"run": run_id, "workspace": workspace}).fetchone()
        asked = {"run": run_id, "at": at, "most": STEPS_AROUND}
        steps = cursor.execute(_STEPS, asked).fetchall()
    assert found is not None  # noqa: S101  # the request's foreign key holds it
    return {
        "id": ids.encode("run", run_id),
        "external_id": found["external_id"],
        "agent_version": found["agent_version"] or None,
        "parent": ids.encode("run", found["parent_id"]) if found["parent_id"] else None,
        "initiator": None
        if found["initiator_id"] is None
        else {"id": ids.encode("per", found["initiator_id"]), "name": found["initiator"]},
        "state": found["state"],
        "started_at": rfc3339(found["created_at"]),
        "ended_at": _at(found["ended_at"]),
        "steps_in_all": found["steps"],
        "steps": [_step(one) for one in steps],
    }


def _step(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "started_at": rfc3339(row["started_at"]),
        "ended_at": _at(row["ended_at"]),
        "input_digest": show_digest(row["input_digest"]) if row["input_digest"] else None,
        "output_digest": show_digest(row["output_digest"]) if row["output_digest"] else None,
    }


def _at(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
