"""The plan as a revision keeps it: what policy said, with the roles it named resolved to rows.

Frozen means frozen: editing the policy changes nothing that is pending.  People are never part of a
plan, they are looked up live, so losing a role does change what a pending request may become.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from approvals.status import Kind
from core import durations, ids
from policies.assurance import CHANNELS
from policies.plan import Plan
from policies.plan import Stage as PlannedStage
from policies.plan import Step as PlannedStep

Effect = Literal["allow", "deny", "ask"]

#: Steps that are there for somebody to hear of it.
TELLS: Final = frozenset({"remind", "notify", "page"})
CUT_SHORT: Final = "People have less time than the policy gives them, so silence lets it expire."


class FrozenRole(Struct, frozen=True):
    """A role a stage asks.  The name is for display: the id is what counts."""

    id: UUID
    name: str
    title: str


class FrozenStage(Struct, frozen=True):
    """A step of a plan: whom it asks, how many approvals pass it, how many rejections end it."""

    roles: tuple[FrozenRole, ...]
    approvals: int = 1
    rejections: int = 1
    distinct_from_earlier: bool = False
    confirm: Literal["owner", "initiator"] | None = None


class FrozenFact(Struct, frozen=True):
    """One thing to show of the payload; a sensitive value is never in here, only that there is one."""

    label: str
    value: str
    pointer: str


class FrozenTrace(Struct, frozen=True):
    """What one rule's condition came to."""

    rule: str
    when: str | None
    result: str
    error: str | None = None


class FrozenPermit(Struct, frozen=True):
    """What the approval of a revision is worth, in seconds of policy time, not scaled.

    The defaults are those of policy, and hold for plans that were stored without it.
    """

    valid_for_s: int = 900
    use_by_s: int = 86_400
    result_within_s: int = 3_600


class FrozenStep(Struct, frozen=True):
    """What is done where a stage is still open so long after it opened (`policies.plan.Step`).

    ``target`` names a person by id.  ``role`` is that of ``role:<name>``, where it was declared then; ``hours`` the schedule whose open
    hours alone count; empty: all do.
    """

    after_s: int
    does: Literal["remind", "notify", "widen", "page", "expire"]
    target: str = ""
    role: FrozenRole | None = None
    via: tuple[str, ...] = ()
    hours: str = ""


class FrozenPlan(Struct, frozen=True):
    """What policy decided for one revision.

    ``after_deadline`` is the stage that stands in for the open one when the time is up
    (``on_expiry: ask:<role>``).  ``notes`` says in plain words what differed from the document.
    ``channels`` say where people decide, ``assurance`` how surely it must be known who does: what
    holds for plans that were stored without them is that a session decides, as it did then.
    ``escalation`` holds for each stage anew; ``extend_s`` is the most by which the deadline may be moved.
    ``dwell_s`` is how long somebody must have had the request open before their yes counts, not scaled.
    """

    effect: Effect
    version: int
    rule: str | None
    why: str
    stages: tuple[FrozenStage, ...]
    expires_in_s: int
    on_expiry: str
    comment: str
    facts: tuple[FrozenFact, ...]
    sensitive: tuple[str, ...]
    trace: tuple[FrozenTrace, ...]
    labels: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()
    reason: str | None = None
    after_deadline: FrozenStage | None = None
    notes: tuple[str, ...] = ()
    permit: FrozenPermit = FrozenPermit()
    channels: tuple[str, ...] = CHANNELS
    assurance: str = "session"
    escalation: tuple[FrozenStep, ...] = ()
    extend_s: int = 0
    dwell_s: int = 0

    @property
    def dwell(self) -> timedelta:
        """How long a request must have been open before a yes of who opened it."""
        return durations.scaled(timedelta(seconds=self.dwell_s))

    def stage(self, index: int) -> FrozenStage:
        """The stage with this index; one past the last is the stage after the deadline."""
        if index == len(self.stages) and self.after_deadline is not None:
            return self.after_deadline
        return self.stages[index]

    @property
    def first_step(self) -> timedelta | None:
        """How long after a stage opens its clock is first looked at; None where it has no steps.

        Where only open hours count that is at once: when they have passed, a schedule must be asked.
        """
        if not self.escalation:
            return None
        if any(step.hours for step in self.escalation):
            return timedelta(0)
        return durations.scaled(timedelta(seconds=self.escalation[0].after_s))

    def life(self, asked: timedelta | None) -> timedelta:
        """How long a request waits, of which the agent asks for so much at most; None: it does not say."""
        life = durations.scaled(timedelta(seconds=self.expires_in_s))
        return life if asked is None else min(life, asked)

    def use_within(self, kind: Kind) -> timedelta | None:
        """How long a permit may be asked for once it is approved; None for a question."""
        if kind is not Kind.REQUEST:
            return None
        return durations.scaled(timedelta(seconds=self.permit.use_by_s))

    def cut_short(self, left: timedelta | None) -> FrozenPlan:
        """The plan where people have only so much time ``left`` for it.

        Less than policy gives them, and silence means nothing but the end: no wish of the agent
        brings about sooner what their silence would have.  Who is told hears sooner in proportion.
        """
        life = durations.scaled(timedelta(seconds=self.expires_in_s))
        if left is None or left >= life:
            return self
        sooner = tuple(_sooner(step, left / life) for step in self.escalation)
        # Steps that are taken sooner may overtake one that lets more people decide, which is not.
        steps = tuple(sorted(sooner, key=lambda step: (step.does == "expire", step.after_s)))
        plan = msgspec.structs.replace(self, escalation=steps)
        if self.on_expiry == "expire":
            return plan
        return msgspec.structs.replace(
            plan, on_expiry="expire", after_deadline=None, notes=(*self.notes, CUT_SHORT)
        )

    def encoded(self) -> bytes:
        """Canonical JSON (sorted keys, whole numbers)."""
        return _encoder.encode(self)


def _sooner(step: FrozenStep, part: float) -> FrozenStep:
    if step.does not in TELLS or step.hours:
        return step
    return msgspec.structs.replace(step, after_s=max(1, int(step.after_s * part)))


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(FrozenPlan)


def decode(stored: bytes) -> FrozenPlan:
    """The plan that a revision stores."""
    return _decoder.decode(stored)


@dataclass(frozen=True, slots=True)
class RoleNow:
    """A role as it stands at submit: how many people could decide in it, the agent's owner left out."""

    role: FrozenRole
    eligible: int


def freeze(
    plan: Plan,
    *,
    fallback: str,
    labels: tuple[str, ...],
    editable: tuple[str, ...],
    roles: Mapping[str, RoleNow],
    owner_active: bool,
    initiator_active: bool,
    hours: str = "",
    people: Mapping[str, UUID] | None = None,
) -> FrozenPlan:
    """Resolve a plan's role names, and put the fallback role where nobody could decide.

    Where the fallback cannot decide either, the effect becomes ``deny`` (policy.md, "Nobody can
    decide"): a request nobody can answer must not wait for its deadline.  The number of approvals
    stays what the rule says: a fallback never makes anything easier.

    Args:
        initiator_active: whether the request's run has a proven initiator, who may act.
        hours: the schedule whose open hours count, where the plan counts only those.
        people: those whom the escalation names, by address.
    """
    confirming = {"owner": owner_active, "initiator": initiator_active}
    stages, notes, effect = _asked(plan, fallback, roles, confirming)
    return FrozenPlan(
        effect=effect,
        version=plan.version,
        rule=plan.rule,
        why=plan.why,
        stages=stages,
        expires_in_s=plan.expires_in_s,
        on_expiry=plan.on_expiry,
        comment=plan.comment,
        facts=tuple(FrozenFact(fact.label, fact.value, fact.pointer) for fact in plan.facts),
        sensitive=tuple(plan.sensitive),
        trace=tuple(
            FrozenTrace(line.rule, line.when, line.result, line.error) for line in plan.trace
        ),
        labels=labels,
        editable=editable,
        reason=plan.reason,
        after_deadline=_after_deadline(plan, roles),
        notes=notes,
        permit=FrozenPermit(
            plan.permit.valid_for_s, plan.permit.use_by_s, plan.permit.result_within_s
        ),
        channels=plan.channels,
        assurance=plan.assurance,
        escalation=tuple(_step(step, roles, hours, people or {}) for step in plan.escalation),
        extend_s=plan.extend_s,
        dwell_s=plan.dwell_s,
    )


def _asked(
    plan: Plan, fallback: str, roles: Mapping[str, RoleNow], confirming: Mapping[str, bool]
) -> tuple[tuple[FrozenStage, ...], tuple[str, ...], Effect]:
    """The stages with the fallback where nobody could decide, what to note of it, and the effect."""
    stages: list[FrozenStage] = []
    notes: list[str] = []
    effect: Effect = plan.effect
    for stage in plan.stages if plan.effect == "ask" else ():
        frozen = _resolve(stage, roles)
        if not _answerable(frozen, roles, confirming):
            asked = f"the {stage.confirm}" if stage.confirm else ", ".join(stage.any_of)
            stand_in = roles.get(fallback)
            if stand_in is None or not stand_in.eligible:
                notes.append(
                    f"Nobody can decide for {asked}, nor for the fallback role {fallback}."
                )
                effect = "deny"
            else:
                notes.append(
                    f"Nobody can decide for {asked}: the fallback role {fallback} is asked."
                )
                frozen = msgspec.structs.replace(frozen, roles=(stand_in.role,), confirm=None)
        stages.append(frozen)
    return tuple(stages), tuple(notes), effect


def _resolve(stage: PlannedStage, roles: Mapping[str, RoleNow]) -> FrozenStage:
    return FrozenStage(
        roles=tuple(roles[name].role for name in stage.any_of if name in roles),
        approvals=stage.approvals,
        rejections=stage.rejections,
        distinct_from_earlier=stage.distinct_from_earlier,
        confirm=stage.confirm,
    )


def _step(
    step: PlannedStep, roles: Mapping[str, RoleNow], hours: str, people: Mapping[str, UUID]
) -> FrozenStep:
    kind, _, name = step.target.partition(":")
    target = step.target
    if kind == "person":
        found = people.get(name)
        target = f"person:{ids.encode('per', found)}" if found is not None else "person:"
    return FrozenStep(
        after_s=step.after_s,
        does=step.does,
        target=target,
        role=roles[name].role if kind == "role" and name in roles else None,
        via=step.via,
        hours=hours if step.business else "",
    )


def _answerable(
    stage: FrozenStage, roles: Mapping[str, RoleNow], confirming: Mapping[str, bool]
) -> bool:
    if stage.confirm is not None:
        return confirming[stage.confirm]
    return any(roles[role.name].eligible for role in stage.roles)


def _after_deadline(plan: Plan, roles: Mapping[str, RoleNow]) -> FrozenStage | None:
    kind, _, name = plan.on_expiry.partition(":")
    if plan.effect != "ask" or kind != "ask" or name not in roles:
        return None
    return FrozenStage(roles=(roles[name].role,))
