"""From the rules of a policy to the plan of one payload. Pure: reads nothing, asks nobody.

Rules are looked at in order and the first match decides. A rule whose condition cannot be
evaluated never helps: `deny` denies; `ask` is remembered, and its stages come before those of
what matches later; `allow` does not match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.canonical import JSON
from policies import cel, show
from policies.compiled import Compiled, CompiledAction, Verdict
from policies.counters import Counter
from policies.plan import Comment, Effect, Plan, Stage, TraceLine
from policies.terms import DEADLINES, Ask, Rule

_MAX_SHOWN: Final = 300
_STRICT_FIRST: Final[tuple[Comment, ...]] = ("always", "on_reject", "never")


class UnknownActionError(LookupError):
    """The policy declares no such action."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What conditions may know of an agent: `agent.id`, `agent.name`, `agent.owner` (e-mail)."""

    id: str
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """What conditions may know of the workspace: `workspace.id`, `workspace.slug`."""

    id: str
    slug: str


@dataclass(slots=True)
class _Findings:
    """What looking at the rules found."""

    trace: list[TraceLine]
    failed: list[Rule]
    match: Rule | None = None
    error: str | None = None  # why the matching rule could not be evaluated (deny only)


def plan_for(
    *,
    policy: Compiled,
    action: str,
    payload: JSON,
    agent: AgentFacts,
    workspace: WorkspaceFacts,
    now: datetime,
    counters: Mapping[Counter, float],
) -> Plan:
    """Return what `policy` says about this payload.

    `payload` must fit the action's schema, `now` be aware, and `counters` hold what
    `policy.counters_for(action, payload)` names. UnknownActionError for an undeclared action.
    """
    kind = policy.actions.get(action)
    if kind is None:
        raise UnknownActionError(action)
    situation = None
    if kind.conditional:
        situation = cel.situation(
            variables=policy.document.variables,
            action=action,
            payload=payload,
            agent={"id": agent.id, "name": agent.name, "owner": agent.owner},
            workspace={"id": workspace.id, "slug": workspace.slug},
            now=now,
            counters=counters,
        )
    return _plan(policy, kind, payload, _look(kind.rules, situation))


def _look(rules: tuple[Rule, ...], situation: cel.Situation | None) -> _Findings:
    findings = _Findings([], [])
    for rule in rules:
        if rule.when is None or situation is None:
            findings.trace.append(TraceLine(rule.name, None, "true"))
            findings.match = rule
            break
        try:
            holds = cel.holds(rule.when, situation)
        except cel.EvaluationError as error:
            detail = str(error)
            findings.trace.append(TraceLine(rule.name, rule.when.source, "error", detail))
            if rule.effect == "deny":
                findings.match, findings.error = rule, detail
                break
            if rule.effect == "ask":
                findings.failed.append(rule)
            continue
        findings.trace.append(TraceLine(rule.name, rule.when.source, "true" if holds else "false"))
        if holds:
            findings.match = rule
            break
    return findings


def _plan(policy: Compiled, kind: CompiledAction, payload: JSON, findings: _Findings) -> Plan:
    if findings.failed or findings.error is not None:
        verdict = _verdict(policy, kind, findings)
    else:
        # Without errors the verdict depends on the match alone: worked out once per rule.
        key = findings.match.name if findings.match else None
        known = kind.verdicts.get(key)
        verdict = known or kind.verdicts.setdefault(key, _verdict(policy, kind, findings))
    view = kind.view
    return Plan(
        effect=verdict.effect,
        rule=verdict.rule,
        version=policy.number,
        stages=verdict.stages,
        expires_in_s=verdict.expires_in_s,
        on_expiry=verdict.on_expiry,
        comment=verdict.comment,
        risk=kind.action.risk,
        title=view.line(payload),
        facts=view.facts(payload),
        sensitive=kind.action.sensitive,
        trace=tuple(findings.trace),
        why=verdict.why,
        reason=verdict.reason,
    )


def _verdict(policy: Compiled, kind: CompiledAction, findings: _Findings) -> Verdict:
    match, failed = findings.match, findings.failed
    if match is None:
        effect: Effect = "ask"
        asks = [Ask((Stage((policy.document.fallback,)),))]
    else:
        effect = match.effect
        asks = [match.ask] if match.ask else []
    if failed and effect != "deny":
        effect = "ask"
        asks = [*(rule.ask for rule in failed if rule.ask), *asks]
    rule = match if match and match.effect == effect else failed[0] if failed else None
    deadline = DEADLINES[kind.action.risk]
    expires_in = min((ask.expires_in or deadline for ask in asks), default=deadline)
    return Verdict(
        effect=effect,
        rule=rule.name if rule else None,
        stages=_stages(asks) if effect == "ask" else (),
        expires_in_s=int(expires_in.total_seconds()),
        on_expiry=_on_expiry(asks, kind.action.risk),
        comment=min((ask.comment for ask in asks), key=_STRICT_FIRST.index, default="on_reject"),
        why=_why(policy, findings),
        reason=rule.reason if rule else None,
    )


def _stages(asks: list[Ask]) -> tuple[Stage, ...]:
    """Return the stages of all, in order; the very same stage is not asked for twice."""
    return tuple(dict.fromkeys(stage for ask in asks for stage in ask.stages))


def _on_expiry(asks: list[Ask], risk: str) -> str:
    """Return the strictest: expire before one more stage, and that before allowing."""
    kinds = {ask.on_expiry for ask in asks}
    if "expire" in kinds or not kinds:
        return "expire"
    further = sorted(kinds - {"allow"})
    if further:
        return further[0]
    return "allow" if risk == "low" else "expire"


def _why(policy: Compiled, findings: _Findings) -> str:
    match = findings.match
    if match is None:
        role = policy.document.roles[policy.document.fallback]
        sentence = f"No rule matched, so {role.title} is asked"
    elif findings.error is not None:
        sentence = (
            f"Rule “{match.name}” denies, because it could not be evaluated ({findings.error})"
        )
    elif match.when is None:
        sentence = f"Rule “{match.name}” covers {match.action}"
    else:
        condition = show.cut(" ".join(match.when.source.split()), _MAX_SHOWN)
        sentence = f"Rule “{match.name}” matched: {condition}"
    if findings.failed and (match is None or match.effect != "deny"):
        names = ", ".join(f"“{rule.name}”" for rule in findings.failed[:5])
        more = f" and {len(findings.failed) - 5} more" if len(findings.failed) > 5 else ""
        sentence += f"; {names}{more} could not be evaluated, so its people are asked as well"
    return sentence + "."
