"""Writing a new request or question, with everything that follows from it, in one statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection, errors

from agents.stored_answers import Idempotency
from approvals.ends import EXPIRE, outcome_fact
from approvals.facts import asked_roles, stages_asked, submission_commits
from approvals.frozen import FrozenPlan
from approvals.planning import Intake, Planned, Situation, suspended
from approvals.row import Row
from approvals.sql import INSERT_ENDED_REQUEST, INSERT_REQUEST
from approvals.stages import Opening, stage_rows
from approvals.status import Basis, Kind, PermitState, Status, WaitingOn
from approvals.submission import Asking
from audit.actor import Actor
from audit.kinds import Data, QuestionAsked, RequestSubmitted
from audit.log import Fact, event_rows, rfc3339
from callbacks.endpoints import endpoint_for
from callbacks.sql import DELIVER
from core import durations, failpoints, ids
from core.canonical import digest
from core.db import nudge_later
from core.due import Promise, due_rows
from notifications.sql import TELL
from policies.compiled import Compiled

_OUTCOME = {"allow": Status.APPROVED, "deny": Status.REJECTED}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an agent asks for, and how it is planned.

    ``counts`` says whether the plan reads what the agent did earlier, so that submits must take turns.
    """

    kind: Kind
    asked: Asking
    counts: Callable[[Compiled], bool]
    plan: Callable[[Connection[Any], Situation, Compiled], Planned]


def write(
    conn: Connection[Any],
    intake: Intake,
    wanted: Wanted,
    planned: Planned,
    idempotency: Idempotency | None,
) -> Row:
    """Store it; the row as it stands then, so that the answer needs no second look."""
    planned = replace(planned, plan=planned.plan.cut_short(wanted.asked.asked_life()))
    row = _new_row(intake.situation, wanted, planned)
    values = _values(row, intake, planned, idempotency)
    url = wanted.asked.callback_url
    if url is not None:
        endpoint = endpoint_for(conn, row.agent_id, url)
        values |= {"callback_url": url, "callback_endpoint": endpoint}
    failpoints.hit("submit_before_last_statement")
    pending = row.status == Status.PENDING
    statement = INSERT_REQUEST if pending else INSERT_ENDED_REQUEST
    try:
        called = conn.execute(statement, values, prepare=True).fetchone()
    except errors.ForeignKeyViolation as error:
        # Nothing was inserted for the rest to belong to: the agent was stopped since it was read.
        if error.diag.constraint_name != "revision_request_same_workspace":
            raise
        raise suspended(intake.caller) from error
    if called is not None and called[0]:
        nudge_later(conn, DELIVER)
    return row


def _new_row(situation: Situation, wanted: Wanted, planned: Planned) -> Row:
    plan, now, run = planned.plan, situation.now, situation.run
    life = durations.scaled(timedelta(seconds=plan.expires_in_s))
    asked = wanted.asked.asked_life()
    status = _OUTCOME.get(plan.effect, Status.PENDING)
    ended = status != Status.PENDING
    use_within = plan.use_within(wanted.kind) if status is Status.APPROVED else None
    return Row(
        id=ids.uuid7(int(now.timestamp() * 1000)),
        kind=wanted.kind.value,
        workspace_id=situation.workspace_id,
        workspace=situation.workspace_slug,
        action=planned.action,
        payload=planned.payload,
        digest=digest(planned.payload),
        revision=1,
        status=status.value,
        waiting_on=None if ended else WaitingOn.PEOPLE.value,
        basis=Basis.POLICY.value if ended else None,
        risk=planned.risk,
        title=planned.title,
        stated=wanted.asked.said(),
        agent_id=situation.agent_id,
        agent_name=situation.agent_name,
        owner_id=situation.owner_id,
        owner_name=situation.owner_name,
        plan=plan.encoded(),
        stage=None if ended else 0,
        created_at=now,
        expires_at=now + (min(life, asked) if asked is not None else life),
        ended_at=now if ended else None,
        sequence=1,
        decisions=None,
        run_id=run.id if run else None,
        run_external_id=run.external_id if run else None,
        agent_version=run.agent_version if run else None,
        initiator_id=run.initiator_id if run else None,
        initiator_name=run.initiator_name if run else None,
        permit=None if use_within is None else opened(now + use_within),
    )


def _values(
    row: Row, intake: Intake, planned: Planned, idempotency: Idempotency | None
) -> dict[str, Any]:
    caller, plan = intake.caller, planned.plan
    pending = row.status == Status.PENDING
    actor = Actor.agent(caller.agent_id, key_id=caller.key_id)
    commits = submission_commits(row.payload, row.plan, row.stated)
    facts = [Fact(row.workspace_id, actor, ("req", row.id), _submitted(row, plan), commits)]
    if not pending:
        facts.append(outcome_fact(row, Actor.system("policy")))
    permit = row.permit
    openings = [Opening(row.workspace_id, row.id, 1, 0, plan)] if pending else []
    due = (
        [
            Promise(EXPIRE, row.workspace_id, row.id, row.expires_at),
            Promise(TELL, row.workspace_id, row.id, row.created_at),
        ]
        if pending
        else []
    )
    return {
        "id": row.id,
        "workspace": row.workspace_id,
        "agent": row.agent_id,
        "key": caller.key_id,
        "kind": row.kind,
        "run": row.run_id,
        "initiator": row.initiator_id,
        "action": row.action,
        "risk": row.risk,
        "title": row.title,
        "status": row.status,
        "waiting_on": row.waiting_on,
        "basis": row.basis,
        "stage": row.stage,
        "roles": asked_roles(plan),
        "stated": row.stated,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "ended_at": row.ended_at,
        "idempotency_key": idempotency.key if idempotency else None,
        "idempotency_digest": idempotency.digest if idempotency else None,
        "permit_state": permit["state"] if permit else None,
        "use_by": permit["use_by"] if permit else None,
        "callback_url": None,
        "callback_endpoint": None,
        "cb_type": f"request.{row.status}",
        "at": row.created_at,
        "revision_id": ids.uuid7(),
        "payload": row.payload,
        "digest": row.digest,
        "policy_version": planned.policy_version,
        "plan": row.plan,
        **stage_rows(openings, row.created_at),
        **due_rows(due),
        **event_rows(facts, row.created_at),
    }


def opened(use_by: datetime) -> dict[str, Any]:
    """A permit that nobody asked for yet, as `Row.permit` has it."""
    return {
        "state": PermitState.OPEN.value,
        "use_by": use_by.isoformat(),
        "result_missing": False,
        "id": None,
        "issued_at": None,
        "expires_at": None,
        "consumed_at": None,
        "consumed_by": None,
    }


def _submitted(row: Row, plan: FrozenPlan) -> Data:
    reason = " ".join(plan.notes) or None
    if row.kind == Kind.QUESTION:
        return QuestionAsked(
            policy_version=plan.version,
            stages=stages_asked(plan),
            expires_at=rfc3339(row.expires_at),
            reason=reason,
        )
    return RequestSubmitted(
        action=row.action,
        revision=1,
        risk=row.risk,
        policy_version=plan.version,
        effect=plan.effect,
        rule=plan.rule,
        stages=stages_asked(plan),
        expires_at=rfc3339(row.expires_at),
        on_expiry=plan.on_expiry,
        reason=reason,
    )
