"""Giving a request back to its agent, and the agent's words about it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from agents.authentication import SUBMIT, KeyContext, require_scope
from approvals import read
from approvals.access import Reader
from approvals.ballot import Ballot
from approvals.choices import Choice
from approvals.ends import inbox_of, waiters_of
from approvals.present import render
from approvals.status import Status, WaitingOn
from approvals.submission import AgentMessage
from approvals.voting import count_nowhere
from audit.actor import Actor
from audit.kinds import MessageAdded, RequestReturned
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import failpoints, ids
from core.canonical import canonical
from core.db import pool
from core.nudge import nudger
from core.problems import conflict, not_found

#: Messages of one request, people's and the agent's together.
MAX_MESSAGES: Final = 200

#: ``waiting`` is whose turn it is now; without one only the sequence moves.
SAY: Final = f"""
WITH said AS (
    INSERT INTO approvals_message (
        id, workspace_id, request_id, revision, kind, person_id, text, evidence, at)
    VALUES (
        %(message)s, %(workspace)s, %(request)s, %(revision)s, %(kind)s, %(person)s, %(text)s,
        %(evidence)s, %(at)s)
),
turned AS (
    UPDATE approvals_request
       SET waiting_on = coalesce(%(waiting)s, waiting_on), sequence = sequence + 1
     WHERE id = %(request)s
),
{INSERT_EVENTS}
SELECT 1
"""

_LOCK: Final = """
SELECT r.revision, r.status, r.expires_at
  FROM approvals_request r
 WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s
   FOR UPDATE
"""
_LOOK: Final = """
SELECT clock_timestamp(), (SELECT count(*) FROM approvals_message WHERE request_id = %(request)s)
"""


def give_back(
    conn: Connection[Any], actor: Actor, reader: Reader, ballot: Ballot, chosen: Choice
) -> None:
    """Let the agent answer first: a word of the reviewer that is counted nowhere."""
    count_nowhere(conn, actor, reader, ballot, chosen)
    message = ids.uuid7()
    data = RequestReturned(message=ids.encode("msg", message), revision=ballot.revision)
    commits = {"text": Commitment(chosen.comment.encode())}
    fact = Fact(ballot.workspace, actor, ("req", ballot.request), data, commits)
    conn.execute(
        SAY,
        {
            "message": message,
            "workspace": ballot.workspace,
            "request": ballot.request,
            "revision": ballot.revision,
            "kind": "return",
            "person": reader.person_id,
            "text": chosen.comment,
            "evidence": b"[]",
            "waiting": WaitingOn.AGENT.value,
            "at": ballot.now,
            **event_rows([fact], ballot.now),
        },
    )


def say(*, caller: KeyContext, request_id: UUID, message: AgentMessage) -> bytes:
    """The agent answers what it was asked, or adds evidence; then it is the people's turn again.

    Returns:
        the request object as it then stands.

    Raises:
        Problem: 404 not its own; 409 it has ended or is late, or has too many messages.
    """
    require_scope(caller, SUBMIT)
    read.for_agent(caller=caller, request_id=request_id)
    with pool().connection() as conn:
        with conn.transaction():
            _say(conn, caller, request_id, message)
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(caller.workspace_id))
    return render(row, for_person=False)


def _say(
    conn: Connection[Any], caller: KeyContext, request_id: UUID, message: AgentMessage
) -> None:
    values = {"request": request_id, "workspace": caller.workspace_id}
    locked = conn.execute(_LOCK, values).fetchone()
    looked = conn.execute(_LOOK, values).fetchone()
    if locked is None or looked is None:
        raise not_found()
    revision, status, expires_at = locked
    now, said = looked
    if status != Status.PENDING:
        raise conflict("request_ended", f"This request has ended: {status}.")
    if now >= expires_at:
        raise conflict("deadline_passed", "The deadline has passed.")
    if said >= MAX_MESSAGES:
        raise conflict("too_many_messages", f"A request has at most {MAX_MESSAGES} messages.")
    message_id = ids.uuid7()
    evidence = canonical(msgspec.to_builtins(message.evidence))
    content = canonical({"evidence": msgspec.to_builtins(message.evidence), "text": message.text})
    fact = Fact(
        caller.workspace_id,
        Actor.agent(caller.agent_id, key_id=caller.key_id),
        ("req", request_id),
        MessageAdded(message=ids.encode("msg", message_id), revision=revision),
        {"text": Commitment(content)},
    )
    conn.execute(
        SAY,
        {
            **values,
            "message": message_id,
            "revision": revision,
            "kind": "message",
            "person": None,
            "text": message.text,
            "evidence": evidence,
            "waiting": WaitingOn.PEOPLE.value,
            "at": now,
            **event_rows([fact], now),
        },
    )
