"""Words about a request: giving it back to its agent, the agent's answers, and people's comments."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection, errors

from agents import stored_answers
from agents.authentication import SUBMIT, KeyContext, require_scope
from agents.stored_answers import Idempotency, Reply
from approvals import read
from approvals.access import Reader
from approvals.ballot import Ballot
from approvals.choices import Choice
from approvals.ends import inbox_of, waiters_of
from approvals.held import Held, hold
from approvals.present import render
from approvals.sql import ESCALATE
from approvals.status import WaitingOn
from approvals.submission import AgentMessage
from approvals.voting import count_nowhere
from audit.actor import Actor
from audit.kinds import CommentAdded, MessageAdded, RequestReturned
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from callbacks.sql import CALLED, DELIVER, INSERT_CALLBACKS
from core import failpoints, ids
from core.canonical import JSON, canonical
from core.db import nudge_later, pool
from core.due import PROMISE_FROM
from core.nudge import nudger
from core.problems import conflict

#: Messages of one request, people's and the agent's together.
MAX_MESSAGES: Final = 200

_LOOK: Final = PROMISE_FROM.format(
    name="looks",
    kind=ESCALATE,
    source="(SELECT workspace_id, request_id AS subject, %(at)s::timestamptz AS due_at FROM resumed)",
)
#: ``waiting`` is whose turn it is now; without one only the sequence moves.  While it is the agent's, the
#: clock of the stage's escalation stands still.
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
stopped AS (
    UPDATE approvals_stage SET paused_at = %(at)s
     WHERE workspace_id = %(workspace)s AND request_id = %(request)s AND closed_at IS NULL
       AND %(waiting)s::text = 'agent' AND paused_at IS NULL
),
resumed AS (
    UPDATE approvals_stage SET paused = paused + (%(at)s - paused_at), paused_at = NULL
     WHERE workspace_id = %(workspace)s AND request_id = %(request)s AND closed_at IS NULL
       AND %(waiting)s::text = 'people' AND paused_at IS NOT NULL
    RETURNING workspace_id, request_id
),
{_LOOK},
{INSERT_EVENTS}
SELECT 1
"""

#: The agent's endpoints hear of a return.
_TELL: Final = f"""
WITH given_back AS (
    SELECT id, workspace_id, agent_id, callback_url, callback_endpoint_id
      FROM approvals_request WHERE id = %(request)s
),
{INSERT_CALLBACKS.format(source="given_back")}
SELECT {CALLED}
"""
#: A message has an id once.
_SAID_BEFORE: Final = (errors.UniqueViolation,)
_COUNT: Final = "SELECT count(*) FROM approvals_message WHERE request_id = %(request)s"


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
    told = {"request": ballot.request, "at": ballot.now, "cb_type": "request.returned"}
    called = conn.execute(_TELL, told).fetchone()
    if called is not None and called[0]:
        nudge_later(conn, DELIVER)


def say(
    *,
    caller: KeyContext,
    request_id: UUID,
    message: AgentMessage,
    idempotency: Idempotency | None = None,
) -> Reply:
    """The agent answers what it was asked, or adds evidence; then it is the people's turn again.

    Returns:
        the request object as it then stands.

    Raises:
        Problem: 404 not its own; 409 it has ended or is late, or has too many messages.
    """
    require_scope(caller, SUBMIT)
    read.for_agent(caller=caller, request_id=request_id)
    with pool().connection() as conn, conn.transaction():
        earlier = stored_answers.replay(conn, caller.agent_id, idempotency)
        if earlier is not None:
            return earlier
        _say(conn, caller, request_id, message)
        row = read.rows(conn, [request_id])[0]
        reply = Reply(201, render(row, for_person=False))
        stored_answers.keep(conn, caller.agent_id, idempotency, reply)
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(caller.workspace_id))
    return reply


def comment(
    *, actor: Actor, reader: Reader, request_id: UUID, text: str, message_id: UUID | None = None
) -> bytes:
    """A person writes to the others, before or after the end; the agent does not see it.

    Args:
        message_id: what it shall be known by; said before under this id, it is not said again.

    Returns:
        the request object as it then stands.

    Raises:
        Problem: 404 nothing to see; 409 too many messages, or ``request_erased``.
    """
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        with contextlib.suppress(*_SAID_BEFORE[: message_id is not None]), conn.transaction():
            held = hold(conn, reader.workspace_id, request_id)
            held.check_kept()
            said = _Said("comment", reader.person_id, text, [], None, message_id)
            _write(conn, actor, reader.workspace_id, request_id, held, said)
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return render(row, for_person=True)


def remark(
    conn: Connection[Any], actor: Actor, reader: Reader, request_id: UUID, held: Held, text: str
) -> UUID:
    """Write a comment beside what its writer does, in their transaction; its id.

    Raises:
        Problem: 409 too many messages.
    """
    message = ids.uuid7()
    said = _Said("comment", reader.person_id, text, [], None, message)
    _write(conn, actor, reader.workspace_id, request_id, held, said)
    return message


@dataclass(frozen=True, slots=True)
class _Said:
    kind: str
    person: UUID | None
    text: str
    evidence: list[JSON]
    waiting: WaitingOn | None
    id: UUID | None = None


def _say(
    conn: Connection[Any], caller: KeyContext, request_id: UUID, message: AgentMessage
) -> None:
    held = hold(conn, caller.workspace_id, request_id)
    held.check_pending()
    evidence = msgspec.to_builtins(message.evidence)
    said = _Said("message", None, message.text, evidence, WaitingOn.PEOPLE)
    actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
    _write(conn, actor, caller.workspace_id, request_id, held, said)


def _write(
    conn: Connection[Any], actor: Actor, workspace: UUID, request: UUID, held: Held, said: _Said
) -> None:
    counted = conn.execute(_COUNT, {"request": request}).fetchone()
    if counted is not None and counted[0] >= MAX_MESSAGES:
        raise conflict("too_many_messages", f"A request has at most {MAX_MESSAGES} messages.")
    message_id = said.id or ids.uuid7()
    kind, shown = (
        MessageAdded if said.person is None else CommentAdded,
        ids.encode("msg", message_id),
    )
    content = canonical({"evidence": said.evidence, "text": said.text})
    fact = Fact(
        workspace,
        actor,
        ("req", request),
        kind(message=shown, revision=held.revision),
        {"text": Commitment(content)},
    )
    conn.execute(
        SAY,
        {
            "request": request,
            "workspace": workspace,
            "message": message_id,
            "revision": held.revision,
            "kind": said.kind,
            "person": said.person,
            "text": said.text,
            "evidence": canonical(said.evidence),
            "waiting": said.waiting.value if said.waiting else None,
            "at": held.now,
            **event_rows([fact], held.now),
        },
    )
