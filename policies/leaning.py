"""Which way a change leans: whether more may come to run, or be decided by more people, than before.  Pure.

What cannot be told from the parts alone, such as another condition, is said to depend; it is never taken
for harmless.  Where one part leans both ways, it is looser.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from itertools import zip_longest
from typing import Final, Literal, TypeAlias, TypeVar

from policies import schema
from policies.assurance import LADDER
from policies.plan import Effect, PermitTerms, Plan, Stage
from policies.terms import Action, Ask, DeclaredSchedule, EscalationStep, Role, Rule

#: `looser`, `tighter`, `depends` (on the submission), or `neither`: nothing that decides anything.
Lean: TypeAlias = Literal["looser", "tighter", "depends", "neither"]

Item = TypeVar("Item")

_ORDER: Final[tuple[Lean, ...]] = ("looser", "depends", "tighter", "neither")
#: From the strictest to what lets everything run.
_EFFECTS: Final = ("deny", "ask", "allow")
#: One more rule of each effect.
_ALONE: Final[Mapping[Effect, Lean]] = {"allow": "looser", "ask": "depends", "deny": "tighter"}
_PARTS: Final = tuple(schema.PERMIT)


def together(leans: Iterable[Lean]) -> Lean:
    """Several leans as one: the one that asks for most attention."""
    found = set(leans)
    return next((lean for lean in _ORDER if lean in found), "neither")


def role(before: Role | None, after: Role | None) -> Lean:
    """More people may decide, or fewer.  A role by itself, that no rule names yet, decides nothing.

    By a role's schedule `of business` counts.
    """
    if before is None or after is None:
        return "neither"
    if (before.members is None) != (after.members is None) or before.group != after.group:
        return "depends"
    return together(
        [
            _sets(before.emails, after.emails),
            "depends" if before.schedule != after.schedule else "neither",
        ]
    )


def schedule(before: DeclaredSchedule | None, after: DeclaredSchedule | None) -> Lean:
    """Its hours are what `of business` counts, and so move deadlines.  By itself it decides nothing."""
    if before is None or after is None or before.says == after.says:
        return "neither"
    return "depends"


def action(before: Action | None, after: Action | None) -> Lean:
    """Risk sets time and proof; what is covered is not seen at once; what is unknown is refused."""
    if before is None or after is None:
        return "looser" if before is None else "tighter"
    return together(
        [
            _ranks(schema.RISKS.index(after.risk), schema.RISKS.index(before.risk)),
            _sets(after.sensitive, before.sensitive),
            _sets(before.editable, after.editable),
            "depends" if before.schema.source != after.schema.source else "neither",
        ]
    )


def rule(before: Rule | None, after: Rule | None) -> Lean:
    """Another effect, reach, people or terms; one more rule that allows, or that denies, or one less."""
    if before is None:
        return "neither" if after is None else _ALONE[after.effect]
    if after is None:
        return _turned(_ALONE[before.effect])
    found = [_ranks(_EFFECTS.index(before.effect), _EFFECTS.index(after.effect))]
    found.append(_reach(before, after))
    if before.ask and after.ask:
        found.append(_asks(before.ask, after.ask))
    then, now = (_permit(one) for one in (before, after))
    if then is not None and now is not None:
        found += [_ranks(getattr(then, f"{one}_s"), getattr(now, f"{one}_s")) for one in _PARTS]
    return together(found)


def _turned(lean: Lean) -> Lean:
    """The same change taken back."""
    if lean == "looser":
        return "tighter"
    return "looser" if lean == "tighter" else lean


def _permit(one: Rule) -> PermitTerms | None:
    if one.effect == "deny":
        return None
    return one.ask.permit if one.ask else one.permit


def _reach(before: Rule, after: Rule) -> Lean:
    """A condition that goes away widens the rule, one that comes narrows it; all else depends."""
    if before.action != after.action:
        return "depends"
    then, now = (one.when.source if one.when else None for one in (before, after))
    if then == now:
        return "neither"
    if after.effect == "ask" or before.effect != after.effect or None not in (then, now):
        return "depends"
    wider = now is None
    return "looser" if wider == (after.effect == "allow") else "tighter"


def _asks(before: Ask, after: Ask) -> Lean:
    comments = [schema.COMMENTS.index(one.comment) for one in (after, before)]
    return together(
        [
            stages(before.stages, after.stages),
            _silent(before, after),
            _ranks(*comments),
            _sets(before.channels, after.channels),
            _proof(before, after),
            _ranks(_seconds(before.extend), _seconds(after.extend)),
            _ranks(_seconds(after.dwell), _seconds(before.dwell)),
            "depends" if before.escalation != after.escalation else "neither",
        ]
    )


def _silent(before: Ask, after: Ask) -> Lean:
    """What silence means, and after how long.  Sooner is looser where it approves; else who comes in time,
    and when others are asked, depends."""
    ranked = _ranks(_silence(before), _silence(after))
    if ranked != "neither":
        return ranked
    if before.on_expiry != after.on_expiry:
        return "depends"
    then, now = before.expires_in, after.expires_in
    if (then, before.business) == (now, after.business):
        return "neither"
    if after.on_expiry != "allow" or then is None or now is None:
        return "depends"
    if before.business != after.business:
        return "depends"
    return _ranks(-then.total_seconds(), -now.total_seconds())


def _silence(one: Ask) -> int:
    """How much silence may lead to: nothing, one more stage, an approval."""
    return {"expire": 0, "allow": 2}.get(one.on_expiry, 1)


def _proof(before: Ask, after: Ask) -> Lean:
    if before.assurance == after.assurance:
        return "neither"
    if before.assurance is None or after.assurance is None:
        return "depends"
    return _ranks(LADDER.index(after.assurance), LADDER.index(before.assurance))


def _seconds(one: timedelta | None) -> float:
    return one.total_seconds() if one else 0


def stages(before: tuple[Stage, ...], after: tuple[Stage, ...]) -> Lean:
    """Stage by stage; one more at the end is tighter."""
    return together(_stage(then, now) for then, now in zip_longest(before, after))


def _stage(before: Stage | None, after: Stage | None) -> Lean:
    if before is None or after is None:
        return "tighter" if before is None else "looser"
    if before.confirm != after.confirm:
        return "depends"
    return together(
        [
            _sets(before.any_of, after.any_of),
            _ranks(after.approvals, before.approvals),
            _ranks(before.rejections, after.rejections),
            _ranks(after.distinct_from_earlier, before.distinct_from_earlier),
        ]
    )


def escalation(
    before: tuple[EscalationStep, ...] | None, after: tuple[EscalationStep, ...] | None
) -> Lean:
    """Who may decide as well after a while, and when it is over; who is told decides nothing."""
    if before is None or after is None:
        return "neither"  # the rule that names it is another change
    return together(
        [
            _sets(_acting(before, "widen"), _acting(after, "widen")),
            _sets(_acting(after, "expire"), _acting(before, "expire")),
        ]
    )


def _acting(steps: tuple[EscalationStep, ...], does: str) -> set[tuple[str, float, bool]]:
    return {
        (one.target, one.after.total_seconds(), one.business) for one in steps if one.does == does
    }


def labels(before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> Lean:
    """What a tool's labels lead to can only tighten."""
    return _sets(after or (), before or ())


def plan(before: Plan, after: Plan) -> Lean:
    """What comes of the same submission."""
    effect = _ranks(_EFFECTS.index(before.effect), _EFFECTS.index(after.effect))
    if effect != "neither":
        return effect
    return stages(before.stages, after.stages)


def _ranks(before: float, after: float) -> Lean:
    """A larger one is looser."""
    if before == after:
        return "neither"
    return "looser" if after > before else "tighter"


def _sets(before: Collection[Item], after: Collection[Item]) -> Lean:
    """One with more in it is looser; with other things in it too."""
    then, now = set(before), set(after)
    if then == now:
        return "neither"
    return "tighter" if now < then else "looser"
