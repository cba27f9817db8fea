"""The active policy in words: who is in its roles now, and what each rule does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from pages.standing import members_of
from people.models import Role as RoleRow
from policies import phrases, schema
from policies.assurance import CHANNELS
from policies.plan import DEFAULT_PERMIT, PermitTerms, Stage
from policies.terms import Action, Ask, Document, Role, Rule

_EFFECTS = {"allow": ("yes", "runs on its own"), "deny": ("nay", "is refused"), "ask": ("", "asks")}
_CONFIRMS = {
    "owner": "the agent's owner, to confirm",
    "initiator": "whoever started the run, to confirm",
}


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A role, and who could decide in it now."""

    name: str
    title: str
    members: list[str]
    filled: str
    schedule: str | None
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class ActionLine:
    """A kind of action."""

    of: Action
    owner: str
    rules: list[int]


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule: what it covers, when, what comes of it, and on which terms."""

    number: int
    name: str
    action: str
    when: str
    dot: str
    effect: str
    terms: list[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A policy as people read it."""

    fallback: str
    roles: list[RoleLine]
    actions: list[ActionLine]
    rules: list[RuleLine]
    escalations: list[tuple[str, str]]
    schedules: list[tuple[str, str]]
    tools: list[tuple[str, str]]
    tests: int


def reading(workspace: UUID, document: Document) -> Reading:
    """The document of the workspace's active version, with the people of now."""

    def called(name: str) -> str:
        role = document.roles.get(name)
        return role.title if role else name

    rules = [_rule(number, rule, called) for number, rule in enumerate(document.rules, 1)]
    return Reading(
        fallback=called(document.fallback),
        roles=_roles(workspace, document),
        actions=[
            ActionLine(
                one,
                called(one.owner),
                [number for number, rule in enumerate(document.rules, 1) if rule.covers(one.type)],
            )
            for one in document.actions.values()
        ],
        rules=rules,
        escalations=[(name, phrases.steps(steps)) for name, steps in document.escalations.items()],
        schedules=[(name, phrases.schedule(one)) for name, one in document.schedules.items()],
        tools=[(name, ", ".join(labels)) for name, labels in document.tools.items()],
        tests=len(document.tests),
    )


def _roles(workspace: UUID, document: Document) -> list[RoleLine]:
    ids: Mapping[str, UUID] = dict(
        RoleRow.objects.filter(workspace_id=workspace, name__in=list(document.roles)).values_list(
            "name", "id"
        )
    )
    members = members_of(workspace, ids.values())
    return [
        RoleLine(
            name,
            role.title,
            [members.said(*each) for each in members.by_role.get(ids[name], ())]
            if name in ids
            else [],
            _filled(role),
            role.schedule,
            name == document.fallback,
        )
        for name, role in document.roles.items()
    ]


def _filled(role: Role) -> str:
    how = "by hand" if role.members is None else "by the document"
    return how if role.group is None else f"{how} and the group {role.group}"


def _rule(number: int, rule: Rule, called: Callable[[str], str]) -> RuleLine:
    dot, effect = _EFFECTS[rule.effect]
    if rule.ask:
        effect = f"{effect} {_stages(rule.ask.stages, called)}"
    terms = [] if rule.ask is None else _terms(rule.ask, called)
    if rule.effect != "deny":
        terms += _permit(rule.ask.permit if rule.ask else rule.permit)
    return RuleLine(
        number,
        rule.name,
        rule.action,
        rule.when.source if rule.when else "",
        dot,
        effect,
        terms,
        rule.reason or "",
    )


def _stages(stages: tuple[Stage, ...], called: Callable[[str], str]) -> str:
    said = [_CONFIRMS[one.confirm] if one.confirm else phrases.stage(one, called) for one in stages]
    return ", then ".join(said)


def _terms(ask: Ask, called: Callable[[str], str]) -> list[str]:
    found = [f"{phrases.life(ask)} to decide"] if ask.expires_in else []
    if ask.on_expiry == "allow":
        found.append("silence approves")
    elif ask.on_expiry != "expire":
        found.append(f"silence asks {called(ask.on_expiry.removeprefix('ask:'))}")
    found += [f"decided in {phrases.places(ask)}"] if ask.channels != CHANNELS else []
    found += [f"proof of who decides: {ask.assurance}"] if ask.assurance else []
    if ask.comment != "on_reject":
        found.append("always with a reason" if ask.comment == "always" else "no reason asked")
    look = phrases.dwell(ask)
    found += [f"a yes takes {look} with it open"] if look else []
    found += [f"meanwhile {ask.escalation}"] if ask.escalation else []
    more = phrases.more_time(ask)
    return found + ([f"a reviewer may give {more} more"] if more else [])


def _permit(permit: PermitTerms) -> list[str]:
    said = {
        "valid_for": "a permit holds {}",
        "use_by": "to be picked up within {}",
        "result_within": "result due within {}",
    }
    return [
        said[part].format(phrases.lasts(permit, part))
        for part in schema.PERMIT
        if getattr(permit, f"{part}_s") != getattr(DEFAULT_PERMIT, f"{part}_s")
    ]
