"""From rows to the request object, for whoever may see it.

An agent sees what it sent.  People see it without the fields that policy calls sensitive; those are
opened one request at a time, and that is an event (`approvals.read.show_sensitive`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from msgspec import Raw

from approvals import shape
from approvals.difference import covered, difference
from approvals.frozen import FrozenPlan, FrozenStage, decode
from approvals.row import Row
from approvals.sentences import message
from approvals.status import Basis, Status, Verdict
from core import ids
from core.canonical import show_digest
from people.names import standing_in
from policies import pointers

_decode_stated = msgspec.json.Decoder(shape.Stated).decode
_encode = msgspec.json.Encoder().encode


def instant(at: datetime) -> str:
    """An instant of the database (UTC) as RFC 3339 with ``Z``."""
    return at.isoformat().removesuffix("+00:00") + "Z"


def request_object(row: Row, *, for_person: bool, covered: bool = False) -> shape.RequestObject:
    """The request object of one row; `covered`: sensitive fields are, whoever it is for."""
    covers = for_person or covered
    plan = decode(row.plan)
    stated = _decode_stated(row.stated)
    request_id = ids.encode("req", row.id)
    owner = shape.AgentOwner(ids.encode("per", row.owner_id), row.owner_name)
    return shape.RequestObject(
        id=request_id,
        kind=row.kind,
        workspace=row.workspace,
        action=row.action,
        payload=masked(row.payload, plan.sensitive) if covers else Raw(row.payload),
        payload_digest=None if row.erased_at else show_digest(row.digest),
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
        agent=shape.AgentRef(
            ids.encode("agt", row.agent_id), row.agent_name, owner, row.agent_version or None
        ),
        run=_run(row),
        initiator=_person(row.initiator_id, row.initiator_name),
        plan=_plan(plan, row),
        stage=row.stage,
        decisions=[_decision(vote) for vote in row.decisions or ()],
        changes=changes_of(row.before, row.payload, plan.sensitive if covers else ()),
        revised_by=None if row.before is None else _author(row, row.author_id, row.author_name),
        messages=[
            _message(row, one)
            for one in row.messages or ()
            if for_person or one["kind"] != "comment"
        ],
        claimed_by=_person(row.claimed_by_id, row.claimed_by_name),
        answer=_answer(row),
        permit=_permit(row.permit),
        result=_result(row.result),
        break_glass=_break_glass(row) if for_person or row.basis == Basis.BREAK_GLASS else None,
        created_at=instant(row.created_at),
        expires_at=instant(row.expires_at),
        extended_by=_extended(row),
        ended_at=instant(row.ended_at) if row.ended_at else None,
        erased_at=instant(row.erased_at) if row.erased_at else None,
        erased_by=_eraser(row),
        sequence=row.sequence,
        stop=row.agent_state != "active",
        message=message(row, plan),
        links=_links(request_id, permitted=row.permit is not None),
    )


def render(row: Row, *, for_person: bool) -> bytes:
    """The JSON of one request object."""
    return _encode(request_object(row, for_person=for_person))


def masked(payload: bytes, sensitive: tuple[str, ...]) -> Any:
    """The payload with every sensitive place covered; the stored bytes where nothing is sensitive."""
    if not sensitive:
        return Raw(payload)
    return pointers.hide(msgspec.json.decode(payload), [pointers.parse(one) for one in sensitive])


def _plan(plan: FrozenPlan, row: Row) -> shape.PlanShown:
    stages = [_stage(index, stage) for index, stage in enumerate(plan.stages)]
    if plan.after_deadline is not None:
        stages.append(_stage(len(stages), plan.after_deadline))
    if row.stage is not None and row.asked_now is not None:
        stages[row.stage] = _asked_now(stages[row.stage], row.asked_now)
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
        permit=shape.PermitTermsShown(
            valid_for_s=plan.permit.valid_for_s,
            use_by_s=plan.permit.use_by_s,
            result_within_s=plan.permit.result_within_s,
        ),
        channels=list(plan.channels),
        assurance=plan.assurance,
        escalation=[
            shape.StepPlanned(step.after_s, step.does, step.target, list(step.via), step.hours)
            for step in plan.escalation
        ],
        extend_s=plan.extend_s,
        dwell_s=plan.dwell_s,
    )


def _extended(row: Row) -> shape.Extended | None:
    if row.extended_at is None or row.extended_by_id is None:
        return None
    by = shape.AgentOwner(ids.encode("per", row.extended_by_id), row.extended_by_name or "")
    return shape.Extended(by, instant(row.extended_at))


def _links(request_id: str, *, permitted: bool) -> shape.Links:
    of_api = f"{settings.BASE_URL}/api/v1/requests/{request_id}"
    return shape.Links(
        of_api,
        f"{settings.BASE_URL}/requests/{request_id}",
        f"{of_api}/events",
        f"{of_api}/permit" if permitted else None,
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


def _asked_now(stage: shape.StageShown, asked: list[list[str]]) -> shape.StageShown:
    """The open stage with the roles that an escalation added."""
    known = {role.name for role in stage.roles}
    added = [shape.RoleAsked(name, title) for name, title in asked if name not in known]
    return msgspec.structs.replace(stage, roles=[*stage.roles, *added])


def _decision(vote: dict[str, Any]) -> shape.DecisionShown:
    return shape.DecisionShown(
        id=ids.encode("dec", UUID(vote["id"])),
        stage=vote["stage"],
        revision=vote["revision"],
        person=shape.AgentOwner(ids.encode("per", UUID(vote["person_id"])), vote["person"]),
        on_behalf_of=_person(
            UUID(vote["on_behalf_of_id"]) if vote["on_behalf_of_id"] else None, vote["on_behalf_of"]
        ),
        verdict=vote["verdict"],
        comment=vote["comment"],
        answer=vote["answer"],
        channel=vote["channel"],
        assurance=vote["assurance"],
        at=_zulu(vote["at"]),
        void=vote["void"],
        shown_digest=vote["shown_digest"] and f"sha256:{vote['shown_digest']}",
    )


def voter(vote: shape.DecisionShown) -> str:
    """Who voted, and in whose place."""
    return standing_in(vote.person.name, vote.on_behalf_of.name if vote.on_behalf_of else None)


def seats(votes: Iterable[shape.DecisionShown]) -> int:
    """How many these votes of one stage count as: a seat counts once, whoever filled it."""
    return len({(vote.on_behalf_of or vote.person).id for vote in votes})


def _zulu(at: str) -> str:
    """An instant that PostgreSQL wrote into JSON (UTC), written as `instant` writes it."""
    return instant(datetime.fromisoformat(at))


def _person(person_id: UUID | None, name: str | None) -> shape.AgentOwner | None:
    if person_id is None:
        return None
    return shape.AgentOwner(ids.encode("per", person_id), name or "")


def _eraser(row: Row) -> shape.Eraser | None:
    if row.erased_as is None:
        return None
    person = ids.encode("per", row.erased_by_id) if row.erased_by_id else None
    return shape.Eraser(row.erased_as, person, row.erased_by_name)


def _author(row: Row, person_id: UUID | None, name: str | None) -> shape.Author:
    if person_id is None:
        return shape.Author("agent", ids.encode("agt", row.agent_id), row.agent_name)
    return shape.Author("person", ids.encode("per", person_id), name or "")


def _run(row: Row) -> shape.RunRef | None:
    if row.run_id is None:
        return None
    return shape.RunRef(ids.encode("run", row.run_id), row.run_external_id or "")


def _message(row: Row, said: dict[str, Any]) -> shape.MessageShown:
    person_id = UUID(said["person_id"]) if said["person_id"] else None
    return shape.MessageShown(
        id=ids.encode("msg", UUID(said["id"])),
        kind=said["kind"],
        author=_author(row, person_id, said["person"]),
        text=said["text"],
        evidence=said["evidence"],
        revision=said["revision"],
        at=_zulu(said["at"]),
    )


def changes_of(
    before: bytes | None, payload: bytes, sensitive: tuple[str, ...]
) -> list[shape.Change]:
    """What a payload changed in the one before it (none before the first), sensitive values covered."""
    if before is None:
        return []
    found = difference(msgspec.json.decode(before), msgspec.json.decode(payload))
    if sensitive:
        found = covered(found, [pointers.parse(one) for one in sensitive])
    return [shape.Change(one.op, one.pointer, one.before, one.after) for one in found]


def _answer(row: Row) -> Any:
    if row.status != Status.ANSWERED:
        return None
    given = [
        vote["answer"]
        for vote in row.decisions or ()
        if vote["verdict"] == Verdict.ANSWER and not vote["void"]
    ]
    return given[-1]


def _result(done: dict[str, Any] | None) -> shape.ResultShown | None:
    if done is None:
        return None
    return shape.ResultShown(done["status"], done["detail"], done["cost"], _zulu(done["at"]))


def _permit(made: dict[str, Any] | None) -> shape.PermitShown | None:
    if made is None:
        return None

    def at(name: str) -> str | None:
        return None if made[name] is None else _zulu(made[name])

    return shape.PermitShown(
        state=made["state"],
        use_by=_zulu(made["use_by"]),
        id=None if made["id"] is None else ids.encode("pmt", UUID(made["id"])),
        issued_at=at("issued_at"),
        expires_at=at("expires_at"),
        consumed_at=at("consumed_at"),
        consumed_by=made["consumed_by"],
        result_missing=made["result_missing"],
    )


def _named(said: dict[str, Any]) -> shape.AgentOwner:
    return shape.AgentOwner(ids.encode("per", UUID(said["person_id"])), said["person"])


def _break_glass(row: Row) -> shape.BreakGlassShown | None:
    if not row.confirmations:
        return None
    looked = row.review
    return shape.BreakGlassShown(
        [
            shape.Confirmation(_named(one), one["reason"], _zulu(one["at"]))
            for one in row.confirmations
        ],
        None
        if looked is None
        else shape.ReviewShown(_named(looked), looked["comment"], _zulu(looked["at"])),
    )
