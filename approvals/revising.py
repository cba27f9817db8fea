"""A changed payload: a new revision with its own plan, by the agent's wish or a person's edit.

The change is planned by the policy that is active now.  ``deny`` ends the request; ``allow`` does not:
the people who were asked about the payload before still decide.  So no chain of changes leads to a
payload that fewer people saw than its own rule asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from agents.authentication import SUBMIT, KeyContext, require_scope
from approvals import counting, planning, read
from approvals.ends import EXPIRE, Ending, end_requests, inbox_of, waiters_of
from approvals.facts import asked_roles, stages_asked, submission_commits
from approvals.frozen import FrozenPlan, decode
from approvals.present import render
from approvals.sql import INSERT_STAGES
from approvals.stages import Opening, stage_rows
from approvals.status import Basis, Kind, Status
from approvals.submission import Revised
from approvals.voting import PAYLOAD_CHANGED
from audit.actor import Actor
from audit.kinds import DecisionVoided, RequestRevised
from audit.log import INSERT_EVENTS, Fact, event_rows, rfc3339
from core import durations, failpoints, ids
from core.canonical import JSON, digest
from core.db import pool
from core.due import INSERT_DUE, WITHDRAW_DUE, Promise, due_rows
from core.nudge import nudger
from core.problems import FieldError, conflict, invalid, not_found

MAX_REVISIONS: Final = 50
STILL_ASKED: Final = (
    "Policy would allow this payload without asking; "
    "the people who were asked before it was changed still decide."
)

LOCK_REQUEST: Final = """
SELECT r.status FROM approvals_request r
 WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s
   FOR UPDATE
"""
READ_HELD: Final = """
SELECT r.id, r.workspace_id, r.revision, r.expires_at, r.action, v.digest, v.plan, clock_timestamp(), r.kind
  FROM approvals_request r
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.id = %(request)s
"""
LIVE_VOTES: Final = """
SELECT id, revision, stage FROM approvals_decision
 WHERE request_id = %(request)s AND void_at IS NULL AND verdict <> 'return'
"""
WRITE_REVISION: Final = f"""
WITH revised AS (
    INSERT INTO approvals_revision (
        id, workspace_id, request_id, number, payload, digest, policy_version_id, plan, created_at,
        stated, author_id)
    VALUES (
        %(revision_id)s, %(workspace)s, %(request)s, %(revision)s, %(payload)s, %(digest)s,
        %(policy_version)s, %(plan)s, %(at)s, %(stated)s, %(author)s)
),
voided AS (
    UPDATE approvals_decision SET void_at = %(at)s, void_reason = %(void_reason)s
     WHERE id = ANY(%(void)s)
),
closed AS (
    UPDATE approvals_stage SET closed_at = %(at)s
     WHERE workspace_id = %(workspace)s AND request_id = %(request)s AND closed_at IS NULL
),
moved AS (
    UPDATE approvals_request
       SET revision = %(revision)s, stage = 0, waiting_on = 'people', risk = %(risk)s,
           title = %(title)s, roles = %(roles)s, expires_at = %(expires_at)s, sequence = sequence + 1
     WHERE id = %(request)s AND status = 'pending'
),
{WITHDRAW_DUE},
{INSERT_STAGES},
{INSERT_DUE},
{INSERT_EVENTS}
SELECT 1
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A pending request that this transaction has locked, before its payload changes."""

    id: UUID
    workspace: UUID
    revision: int
    expires_at: datetime
    action: str
    digest: bytes
    plan: FrozenPlan
    now: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of it."""

    refused: bool
    ending: Ending
    at: datetime

    def end(self, conn: Connection[Any]) -> None:
        """Let policy reject it."""
        end_requests(
            conn,
            [self.ending],
            actor=Actor.system("policy"),
            outcome=Status.REJECTED,
            basis=Basis.POLICY,
            at=self.at,
        )


def revise(*, caller: KeyContext, request_id: UUID, revised: Revised) -> bytes:
    """The agent changes the payload of its own pending request.

    Returns:
        the request object as it then stands.

    Raises:
        Problem: 404 not its own; 403 the agent is suspended; 409 it has ended, is late, is a
            question or was changed too often; 422 the payload does not fit or is the same.
    """
    require_scope(caller, SUBMIT)
    read.for_agent(caller=caller, request_id=request_id)
    if caller.agent_state != "active":
        raise planning.suspended(caller)
    with pool().connection() as conn:
        with conn.transaction():
            _revise(conn, caller, request_id, revised)
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(caller.workspace_id))
    return render(row, for_person=False)


def _revise(conn: Connection[Any], caller: KeyContext, request_id: UUID, revised: Revised) -> None:
    counting.lock_for_counting(conn, caller.agent_id)
    held = lock_held(conn, caller.workspace_id, request_id)
    before = read.rows(conn, [request_id])[0]
    changed = change(
        conn,
        actor=Actor.agent(caller.agent_id, key_id=caller.key_id),
        held=held,
        situation=planning.read_situation(conn, request_id),
        payload=revised.payload,
        stated=revised.stated(bytes(msgspec.json.decode(before.stated, type=_Metadata).metadata)),
    )
    if changed.refused:
        changed.end(conn)


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw


def lock_held(conn: Connection[Any], workspace: UUID, request_id: UUID) -> Held:
    """Lock a request whose payload shall change.  Its agent was locked before.

    Raises:
        Problem: 404; 409 where it has ended, is late, or is a question.
    """
    values = {"request": request_id, "workspace": workspace}
    locked = conn.execute(LOCK_REQUEST, values).fetchone()
    found = conn.execute(READ_HELD, values).fetchone()
    if locked is None or found is None:
        raise not_found()
    request, owner, revision, expires_at, action, shown, plan, now, kind = found
    held = Held(request, owner, revision, expires_at, action, shown, decode(plan), now)
    if locked[0] != Status.PENDING:
        raise conflict("request_ended", f"This request has ended: {locked[0]}.")
    if held.now >= held.expires_at:
        raise conflict("deadline_passed", "The deadline has passed.")
    if kind == Kind.QUESTION:
        raise conflict("not_for_questions", "A question is not revised: answer with a message.")
    return held


def change(
    conn: Connection[Any],
    *,
    actor: Actor,
    held: Held,
    situation: planning.Situation,
    payload: JSON,
    author: UUID | None = None,
    stated: bytes | None = None,
) -> Changed:
    """Write a new revision with its own plan; every earlier vote is void.

    Where policy refuses the payload, the request still waits: the caller ends it (`Changed.end`)
    once it has written what comes before the end.

    Args:
        author: the person whose edit it is; none: the agent's own.
        stated: canonical JSON of what the agent states with it; none: as before.

    Raises:
        Problem: 409 too many revisions; 413; 422 the payload does not fit, or is the same.
    """
    if held.revision >= MAX_REVISIONS:
        raise conflict(
            "too_many_revisions",
            f"A request has at most {MAX_REVISIONS} revisions: withdraw it and submit another.",
        )
    policy = planning.policy_of(conn, situation)
    planned = planning.plan(conn, situation, policy, held.action, payload, revises=held.id)
    if digest(planned.payload) == held.digest:
        fault = FieldError("/payload", "unchanged", "This is the payload that is there already.")
        raise invalid([fault], code="payload_unchanged")
    left = held.expires_at - held.now
    plan = _still_asked(planned.plan, held.plan).cut_short(left)
    expires_at = min(
        held.expires_at, held.now + durations.scaled(timedelta(seconds=plan.expires_in_s))
    )
    written = Revision(held, planned, plan, expires_at, stated)
    failpoints.hit("revise_before_last_statement")
    conn.execute(WRITE_REVISION, _values(conn, actor, written, author))
    ending = Ending(held.id, held.workspace, held.revision + 1, expires_at, None)
    return Changed(plan.effect == "deny", ending, held.now)


@dataclass(frozen=True, slots=True)
class Revision:
    """A new revision, before it is written."""

    held: Held
    planned: planning.Planned
    plan: FrozenPlan
    expires_at: datetime
    stated: bytes | None

    @property
    def number(self) -> int:
        """Its number."""
        return self.held.revision + 1


def _still_asked(plan: FrozenPlan, before: FrozenPlan) -> FrozenPlan:
    """A plan that allows, as one that asks whom the plan before it asked."""
    if plan.effect != "allow":
        return plan
    return msgspec.structs.replace(
        plan,
        effect="ask",
        stages=before.stages,
        expires_in_s=before.expires_in_s,
        on_expiry=before.on_expiry,
        after_deadline=before.after_deadline,
        comment=before.comment,
        channels=before.channels,
        assurance=before.assurance,
        escalation=before.escalation,
        extend_s=before.extend_s,
        dwell_s=before.dwell_s,
        notes=(*plan.notes, STILL_ASKED),
    )


def _values(
    conn: Connection[Any], actor: Actor, written: Revision, author: UUID | None
) -> dict[str, Any]:
    held, plan, planned = written.held, written.plan, written.planned
    void = conn.execute(LIVE_VOTES, {"request": held.id}).fetchall()
    asks = plan.effect == "ask"
    moved = written.expires_at != held.expires_at
    openings = [Opening(held.workspace, held.id, written.number, 0, plan)] if asks else []
    promises = [Promise(EXPIRE, held.workspace, held.id, written.expires_at)] if moved else []
    encoded = plan.encoded()
    return {
        "revision_id": ids.uuid7(),
        "workspace": held.workspace,
        "request": held.id,
        "revision": written.number,
        "payload": planned.payload,
        "digest": digest(planned.payload),
        "policy_version": planned.policy_version,
        "plan": encoded,
        "at": held.now,
        "stated": written.stated,
        "author": author,
        "void": [row[0] for row in void],
        "void_reason": PAYLOAD_CHANGED.text,
        "risk": planned.risk,
        "title": planned.title,
        "roles": asked_roles(plan) or asked_roles(held.plan),
        "expires_at": written.expires_at,
        "due_withdrawn": [held.id] if moved else [],
        **stage_rows(openings, held.now),
        **due_rows(promises),
        **event_rows(_facts(actor, written, encoded, void), held.now),
    }


def _facts(actor: Actor, written: Revision, encoded: bytes, void: list[Any]) -> list[Fact]:
    held, plan, planned = written.held, written.plan, written.planned
    subject = ("req", held.id)
    revised = RequestRevised(
        revision=written.number,
        risk=planned.risk,
        policy_version=plan.version,
        effect=plan.effect,
        rule=plan.rule,
        stages=stages_asked(plan),
        expires_at=rfc3339(written.expires_at),
        on_expiry=plan.on_expiry,
        reason=" ".join(plan.notes) or None,
    )
    commits = submission_commits(planned.payload, encoded, written.stated or b"null")
    facts = [Fact(held.workspace, actor, subject, revised, commits)]
    facts += [
        Fact(
            held.workspace,
            Actor.system("lifecycle"),
            subject,
            DecisionVoided(
                decision=ids.encode("dec", decision),
                revision=revision,
                stage=stage,
                reason=PAYLOAD_CHANGED.reason,
            ),
        )
        for decision, revision, stage in void
    ]
    return facts
