"""From the rules of a policy to the plan of one payload. Pure: reads nothing, asks nobody.

Rules are looked at in order and the first match decides. A rule whose condition cannot be
evaluated never helps: `deny` denies; `ask` is remembered, and its stages come before those of
what matches later; `allow` does not match. An `ask` whose condition reads the run does not decide
either: where it matches, its stages are added in the same way. So what a run reports can add to a
plan, or deny, and never choose another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from core.canonical import JSON
from policies import cel, escalating, show
from policies.compiled import Compiled, CompiledAction, Verdict
from policies.counters import Counter
from policies.merging import merged
from policies.plan import Effect, Plan, Stage, TraceLine
from policies.run_reads import RunFacts, RunRead
from policies.terms import ASSURANCES, DEADLINES, Ask, Rule

_MAX_SHOWN: Final = 300
_MAX_NAMED: Final = 5


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
    """What looking at the rules found. `added` are the asks that do not decide, in order."""

    trace: list[TraceLine]
    added: list[Rule]
    failed: list[Rule]  # those of `added` whose condition could not be evaluated
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
    run: RunFacts | None = None,
) -> Plan:
    """Return what `policy` says about this payload.

    `payload` must fit the action's schema, `now` be aware, and `counters` hold what
    `policy.counters_for(action, payload)` names. `run` is needed where `policy.asks_run(action)`;
    without one, what reads it is an error. UnknownActionError for an undeclared action.
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
            run=_reads(policy, run),
        )
    return _plan(policy, kind, payload, _look(kind.rules, situation))


def _reads(policy: Compiled, run: RunFacts | None) -> Mapping[RunRead, float] | None:
    if run is None:
        return None
    labelled = replace(run, labels=run.labels | policy.labels_of(run.tools))
    return {read: labelled.value(read) for read in policy.document.variables.reads}


def _look(rules: tuple[Rule, ...], situation: cel.Situation | None) -> _Findings:
    findings = _Findings([], [], [])
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
                findings.added.append(rule)
                findings.failed.append(rule)
            continue
        findings.trace.append(TraceLine(rule.name, rule.when.source, "true" if holds else "false"))
        if holds and rule.effect == "ask" and rule.reads_run:
            findings.added.append(rule)
        elif holds:
            findings.match = rule
            break
    return findings


def _plan(policy: Compiled, kind: CompiledAction, payload: JSON, findings: _Findings) -> Plan:
    if findings.added or findings.error is not None:
        verdict = _verdict(policy, kind, findings)
    else:
        # Otherwise the verdict depends on the match alone: worked out once per rule.
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
        permit=verdict.permit,
        channels=verdict.channels,
        assurance=verdict.assurance,
        escalation=verdict.escalation,
        extend_s=verdict.extend_s,
        business=verdict.business,
        dwell_s=verdict.dwell_s,
    )


def _verdict(policy: Compiled, kind: CompiledAction, findings: _Findings) -> Verdict:
    match, added = findings.match, findings.added
    if match is None:
        effect: Effect = "ask"
        asks = [Ask((Stage((policy.document.fallback,)),))]
    else:
        effect = match.effect
        asks = [match.ask] if match.ask else []
    if added and effect != "deny":
        effect = "ask"
        asks = [*(rule.ask for rule in added if rule.ask), *asks]
    rule = match if match and match.effect == effect else added[0] if added else None
    allowed = match.permit if match and match.effect == "allow" else None
    terms = merged(asks, kind.action.risk, allowed=allowed)
    life = terms.expires_in or DEADLINES[kind.action.risk]
    steps = escalating.steps(policy.document, asks, owner=kind.action.owner, expires_in=life)
    return Verdict(
        effect=effect,
        rule=rule.name if rule else None,
        stages=terms.stages if effect == "ask" else (),
        expires_in_s=int(life.total_seconds()),
        on_expiry=terms.on_expiry,
        comment=terms.comment,
        why=_why(policy, findings),
        reason=rule.reason if rule else None,
        permit=terms.permit,
        channels=terms.channels,
        assurance=terms.assurance or ASSURANCES[kind.action.risk],
        escalation=steps if effect == "ask" else (),
        extend_s=int(terms.extend.total_seconds()) if terms.extend else 0,
        business=terms.business,
        dwell_s=int(terms.dwell.total_seconds()) if terms.dwell else 0,
    )


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
    if match is None or match.effect != "deny":
        joined = [rule for rule in findings.added if rule not in findings.failed]
        if joined:
            sentence += (
                f"; {_names(joined)} matched what the run did, so its people are asked as well"
            )
        if findings.failed:
            failed = _names(findings.failed)
            sentence += f"; {failed} could not be evaluated, so its people are asked as well"
    return sentence + "."


def _names(rules: Sequence[Rule]) -> str:
    names = ", ".join(f"“{rule.name}”" for rule in rules[:_MAX_NAMED])
    more = len(rules) - _MAX_NAMED
    return f"{names} and {more} more" if more > 0 else names
