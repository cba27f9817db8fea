"""What policy would say to a submission: nothing is stored, and nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from psycopg import Connection

from agents.authentication import presented_key, require_scope
from approvals import planning, shape
from approvals.frozen import FrozenPlan, FrozenStage
from approvals.present import instant
from approvals.submission import Submission
from approvals.submission import read as read_body
from core import durations
from core.db import pool
from core.durations import MAX_DURATION
from people import coverage
from people.sql import MEMBERSHIP_IS_VALID, VALID_MEMBERSHIPS

#: How many different people could decide in any of the roles now, agent's owner and initiator left out.
ELIGIBLE = f"""
SELECT count(DISTINCT m.person_id) FROM {VALID_MEMBERSHIPS}
 WHERE m.role_id = ANY(%(roles)s) AND m.person_id <> ALL(%(excluded)s) AND {MEMBERSHIP_IS_VALID}
"""


def preview(*, authorization: str | None, body: bytes) -> bytes:
    """The JSON of `approvals.shape.Preview` for the submission in this body.

    Raises:
        Problem: as `approvals.submit.submit`.
    """
    presented = presented_key(authorization)
    submission, _ = read_body(body, Submission)
    with pool().connection() as conn:
        intake = planning.read_intake(conn, presented, submission.run)
        require_scope(intake.caller, "requests:submit")
        situation = intake.situation
        policy = planning.policy_of(conn, situation)
        planned = planning.plan(conn, situation, policy, submission.action, submission.payload)
        asked = submission.asked_life()
        plan = planned.plan.cut_short(asked)
        life = min(timedelta(seconds=plan.expires_in_s), asked or MAX_DURATION)
        idle = _idle(conn, situation, plan, asked)
        stages = [
            _stage(conn, situation, index, stage, idle) for index, stage in enumerate(plan.stages)
        ]
    answer = shape.Preview(
        effect=plan.effect,
        rule=plan.rule,
        why=plan.why,
        policy_version=plan.version,
        risk=planned.risk,
        title=planned.title,
        stages=stages,
        expires_in=durations.show(life),
        on_expiry=plan.on_expiry,
        comment=plan.comment,
        labels=list(plan.labels),
        editable=list(plan.editable),
        trace=[
            shape.TraceShown(line.rule, line.when, line.result, line.error) for line in plan.trace
        ],
        notes=list(plan.notes),
        channels=list(plan.channels),
        assurance=plan.assurance,
    )
    return msgspec.json.encode(answer)


def _idle(
    conn: Connection[Any], situation: planning.Situation, plan: FrozenPlan, asked: timedelta | None
) -> dict[str, list[shape.TimeShown]]:
    """By role, the times of a request's life in which nobody could decide on it."""
    life = plan.life(asked)
    names = {role.name for stage in plan.stages for role in stage.roles}
    begin, until = situation.now, situation.now + life
    known = coverage.facts(conn, situation.workspace_id, begin, until, names=names)
    return {
        name: [
            shape.TimeShown(instant(span.begin), instant(span.end))
            for span in coverage.uncovered(role, known.away, begin, until, situation.excluded)
        ]
        for name, role in known.roles.items()
    }


def _stage(
    conn: Connection[Any],
    situation: planning.Situation,
    index: int,
    stage: FrozenStage,
    idle: Mapping[str, list[shape.TimeShown]],
) -> shape.StagePreviewed:
    if stage.confirm == "owner":
        people = int(situation.owner_active)
    elif stage.confirm == "initiator":
        people = int(situation.initiator_active)
    else:
        roles = [role.id for role in stage.roles]
        values = {"roles": roles, "excluded": situation.excluded}
        found = conn.execute(ELIGIBLE, values).fetchone()
        people = found[0] if found else 0
    return shape.StagePreviewed(
        index=index,
        roles=[
            shape.RolePreviewed(
                role.name, role.title, situation.roles[role.name].eligible, idle[role.name]
            )
            for role in stage.roles
        ],
        approvals=stage.approvals,
        rejections=stage.rejections,
        distinct_from_earlier=stage.distinct_from_earlier,
        confirm=stage.confirm,
        quorum_can_be_met=people >= stage.approvals,
    )
