"""From rows to the request object, for whoever may see it.

An agent sees what it sent.  People see it without the fields that policy calls sensitive; those are
opened one request at a time, and that is an event (`approvals.read.show_sensitive`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from msgspec import Raw

from approvals import shape
from approvals.frozen import FrozenPlan, FrozenStage, decode
from approvals.status import Basis, Status
from core import ids
from core.canonical import show_digest
from policies import pointers

_decode_stated = msgspec.json.Decoder(shape.Stated).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Row:
    """One request with its present revision, in the order of `approvals.sql.REQUEST_COLUMNS`."""

    id: UUID
    kind: str
    workspace_id: UUID
    workspace: str
    action: str
    payload: bytes
    digest: bytes
    revision: int
    status: str
    waiting_on: str | None
    basis: str | None
    risk: str
    title: str
    stated: bytes
    agent_id: UUID
    agent_name: str
    owner_id: UUID
    owner_name: str
    plan: bytes
    stage: int | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    sequence: int
    decisions: list[dict[str, Any]] | None


def instant(at: datetime) -> str:
    """An instant of the database (UTC) as RFC 3339 with ``Z``."""
    return at.isoformat().removesuffix("+00:00") + "Z"


def request_object(row: Row, *, for_person: bool) -> shape.RequestObject:
    """The request object of one row."""
    plan = decode(row.plan)
    stated = _decode_stated(row.stated)
    request_id = ids.encode("req", row.id)
    owner = shape.AgentOwner(ids.encode("per", row.owner_id), row.owner_name)
    return shape.RequestObject(
        id=request_id,
        kind=row.kind,
        workspace=row.workspace,
        action=row.action,
        payload=masked(row.payload, plan.sensitive) if for_person else Raw(row.payload),
        payload_digest=show_digest(row.digest),
        revision=row.revision,
        status=row.status,
        waiting_on=row.waiting_on,
        basis=row.basis,
        risk=row.risk,
        title=row.title,
        facts=[shape.FactShown(fact.label, fact.value, fact.pointer) for fact in plan.facts],
        summary=stated.summary,
        context=stated.context,  # type: ignore[arg-type]  # the stored bytes are sent as they are
        evidence=stated.evidence,  # type: ignore[arg-type]  # likewise
        metadata=stated.metadata,  # type: ignore[arg-type]  # likewise
        agent=shape.AgentRef(ids.encode("agt", row.agent_id), row.agent_name, owner),
        plan=_plan(plan),
        stage=row.stage,
        decisions=[_decision(vote) for vote in row.decisions or ()],
        created_at=instant(row.created_at),
        expires_at=instant(row.expires_at),
        ended_at=instant(row.ended_at) if row.ended_at else None,
        sequence=row.sequence,
        message=message(row, plan),
        links=shape.Links(
            f"{settings.BASE_URL}/api/v1/requests/{request_id}",
            f"{settings.BASE_URL}/requests/{request_id}",
        ),
    )


def render(row: Row, *, for_person: bool) -> bytes:
    """The JSON of one request object."""
    return _encode(request_object(row, for_person=for_person))


def masked(payload: bytes, sensitive: tuple[str, ...]) -> Any:
    """The payload with every sensitive place covered; the stored bytes where nothing is sensitive."""
    if not sensitive:
        return Raw(payload)
    return pointers.hide(msgspec.json.decode(payload), [pointers.parse(one) for one in sensitive])


def _plan(plan: FrozenPlan) -> shape.PlanShown:
    stages = [_stage(index, stage) for index, stage in enumerate(plan.stages)]
    if plan.after_deadline is not None:
        stages.append(_stage(len(stages), plan.after_deadline))
    return shape.PlanShown(
        version=plan.version,
        rule=plan.rule,
        effect=plan.effect,
        why=plan.why,
        stages=stages,
        on_expiry=plan.on_expiry,
        comment=plan.comment,
        labels=list(plan.labels),
        editable=list(plan.editable),
        notes=list(plan.notes),
    )


def _stage(index: int, stage: FrozenStage) -> shape.StageShown:
    return shape.StageShown(
        index=index,
        roles=[shape.RoleAsked(role.name, role.title) for role in stage.roles],
        approvals=stage.approvals,
        rejections=stage.rejections,
        distinct_from_earlier=stage.distinct_from_earlier,
        confirm=stage.confirm,
    )


def _decision(vote: dict[str, Any]) -> shape.DecisionShown:
    return shape.DecisionShown(
        id=ids.encode("dec", UUID(vote["id"])),
        stage=vote["stage"],
        revision=vote["revision"],
        person=shape.AgentOwner(ids.encode("per", UUID(vote["person_id"])), vote["person"]),
        verdict=vote["verdict"],
        comment=vote["comment"],
        channel=vote["channel"],
        assurance=vote["assurance"],
        at=vote["at"].removesuffix("+00:00") + "Z",
        void=vote["void"],
    )


def message(row: Row, plan: FrozenPlan) -> str:
    """One sentence that may be handed to a model: what was decided, and whether to try again."""
    match Status(row.status):
        case Status.PENDING:
            return "Not decided yet: people were asked. Wait for the answer; do not run the action."
        case Status.APPROVED:
            return _approved(Basis(row.basis or ""))
        case Status.REJECTED if row.basis == Basis.POLICY:
            why = " ".join(plan.notes) or plan.reason or plan.why
            return f"Policy refused this action: do not run it and do not submit it again unchanged. {why}".strip()
        case Status.REJECTED:
            said = _reason(row)
            return (
                "A person rejected this action: do not run it and do not submit it again unchanged."
                + said
            )
        case Status.EXPIRED:
            return (
                "Nobody decided in time: do not run the action. It was not rejected; "
                "you may submit it again if it is still needed."
            )
        case Status.CANCELLED:
            return "The request was withdrawn: do not run the action."


def _approved(basis: Basis) -> str:
    words = {
        Basis.POLICY: "Policy allows exactly this action: you may run it once.",
        Basis.CLOCK: "Nobody objected in time and policy lets this low-risk action run then: you may run it once.",
        Basis.CONFIRM: "The agent's owner confirmed exactly this action: you may run it once.",
    }
    return words.get(basis, "People approved exactly this action: you may run it once.")


def _reason(row: Row) -> str:
    comments = [
        vote["comment"]
        for vote in row.decisions or ()
        if vote["verdict"] == "reject" and vote["comment"] and not vote["void"]
    ]
    return f" Their reason: {comments[-1]}" if comments else ""
