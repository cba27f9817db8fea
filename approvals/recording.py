"""Actions that were taken without asking: the same validation and the same log, and no stop.

What policy would have said is written down with it, so that one can see what asking would change.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from agents import stored_answers
from agents.authentication import SUBMIT, KeyContext, Presented, require_scope
from agents.stored_answers import Idempotency, Reply
from approvals import planning
from approvals.facts import submission_commits
from approvals.planning import Intake, Planned
from approvals.present import instant
from approvals.shape import RecordShown
from approvals.submission import Recorded
from audit.actor import Actor
from audit.kinds import ActionRecorded
from audit.log import INSERT_EVENTS, Fact, event_rows
from core import ids
from core.canonical import digest, show_digest
from core.db import pool

_WRITE: Final = f"""
WITH recorded AS (
    INSERT INTO approvals_recordedaction (
        id, workspace_id, agent_id, key_id, run_id, action, risk, title, payload, digest,
        policy_version_id, plan, stated, at)
    VALUES (
        %(id)s, %(workspace)s, %(agent)s, %(key)s, %(run)s, %(action)s, %(risk)s, %(title)s,
        %(payload)s, %(digest)s, %(policy_version)s, %(plan)s, %(stated)s, %(at)s)
),
{INSERT_EVENTS}
SELECT 1
"""


def record(
    *, presented: Presented, recorded: Recorded, idempotency: Idempotency | None = None
) -> Reply:
    """Write down an action that the agent took; what policy would have said stands in the answer.

    An agent that was stopped may still tell what it did.

    Raises:
        Problem: 401, 403, 409 (no policy, the run ended, a repetition in flight), 413, 422.
    """
    with pool().connection() as conn, conn.transaction():
        intake = planning.read_intake(conn, presented, recorded.run)
        require_scope(intake.caller, SUBMIT)
        earlier = stored_answers.replay(conn, intake.caller.agent_id, idempotency)
        if earlier is not None:
            return earlier
        policy = planning.policy_of(conn, intake.situation)
        planned = planning.plan(conn, intake.situation, policy, recorded.action, recorded.payload)
        shown = _write(conn, intake, recorded, planned)
        reply = Reply(201, msgspec.json.encode(shown))
        return stored_answers.keep(conn, intake.caller.agent_id, idempotency, reply)


def _write(
    conn: Connection[Any], intake: Intake, recorded: Recorded, planned: Planned
) -> RecordShown:
    caller, situation, plan = intake.caller, intake.situation, planned.plan
    record_id, stated, frozen = ids.uuid7(), recorded.stated(), plan.encoded()
    run = situation.run.id if situation.run else None
    fact = Fact(
        situation.workspace_id,
        Actor.agent(caller.agent_id, key_id=caller.key_id),
        ("rec", record_id),
        ActionRecorded(
            action=planned.action,
            risk=planned.risk,
            policy_version=plan.version,
            effect=plan.effect,
            rule=plan.rule,
        ),
        submission_commits(planned.payload, frozen, stated),
    )
    conn.execute(
        _WRITE,
        {
            "id": record_id,
            "workspace": situation.workspace_id,
            "agent": caller.agent_id,
            "key": caller.key_id,
            "run": run,
            "action": planned.action,
            "risk": planned.risk,
            "title": planned.title,
            "payload": planned.payload,
            "digest": digest(planned.payload),
            "policy_version": planned.policy_version,
            "plan": frozen,
            "stated": stated,
            "at": situation.now,
            **event_rows([fact], situation.now),
        },
    )
    return _shown(record_id, run, planned, caller, instant(situation.now))


def _shown(
    record_id: UUID, run: UUID | None, planned: Planned, caller: KeyContext, at: str
) -> RecordShown:
    return RecordShown(
        id=ids.encode("rec", record_id),
        action=planned.action,
        payload_digest=show_digest(digest(planned.payload)),
        run=ids.encode("run", run) if run else None,
        risk=planned.risk,
        title=planned.title,
        effect=planned.plan.effect,
        rule=planned.plan.rule,
        policy_version=planned.plan.version,
        recorded_at=at,
        stop=caller.agent_state != "active",
    )
