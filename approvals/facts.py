"""What events say of a plan, and what they commit to: for a submit and for a revision alike."""

from __future__ import annotations

from uuid import UUID

from approvals.frozen import FrozenPlan
from audit.kinds import StageAsked
from audit.log import Commitment


def stages_asked(plan: FrozenPlan) -> list[StageAsked]:
    """The stages of a plan as the log remembers them."""
    return [
        StageAsked(
            roles=[role.name for role in stage.roles],
            approvals=stage.approvals,
            rejections=stage.rejections,
            distinct_from_earlier=stage.distinct_from_earlier,
            confirm=stage.confirm,
        )
        for stage in plan.stages
    ]


def asked_roles(plan: FrozenPlan) -> list[UUID]:
    """The roles that any stage of a plan asks: who may see the request."""
    last = [plan.after_deadline] if plan.after_deadline else []
    return list({role.id for stage in (*plan.stages, *last) for role in stage.roles})


def submission_commits(payload: bytes, plan: bytes, stated: bytes) -> dict[str, Commitment]:
    """One commitment over everything that was submitted and planned; the bytes stand in the revision."""
    return {"submission": Commitment(submission_bytes(payload, plan, stated), kept=False)}


def submission_bytes(payload: bytes, plan: bytes, stated: bytes) -> bytes:
    """What that commitment is to; ``stated`` is ``null`` where a revision says nothing of its own."""
    return b'{"payload":%b,"plan":%b,"stated":%b}' % (payload, plan, stated)
