"""The tests of a document: what comes of each case, and where that is not what it expects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from core.canonical import JSON
from policies.compiled import Compiled
from policies.errors import PolicyError
from policies.evaluate import AgentFacts, WorkspaceFacts, plan_for
from policies.plan import Plan, Stage
from policies.terms import Case

_WORKSPACE: Final = WorkspaceFacts("wsp_test", "test")
_AGENT_ID: Final = "agt_test"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case. `differs` says in words what was expected instead; None: it passed.

    `came` has all that `outcome` has; it is empty where the case cannot be planned at all.
    """

    case: Case
    came: dict[str, JSON]
    why: str
    differs: str | None


def planned(policy: Compiled, case: Case) -> Plan:
    """Return the plan of a case whose action is declared and whose payload fits."""
    return plan_for(
        policy=policy,
        action=case.action,
        payload=case.payload,
        agent=AgentFacts(_AGENT_ID, case.agent_name, case.agent_owner),
        workspace=_WORKSPACE,
        now=case.now,
        counters={
            counter: case.count if counter.kind == "count" else case.sum
            for counter in policy.counters_for(case.action, case.payload)
        },
        run=case.run,
    )


def unplannable(policy: Compiled, case: Case) -> str | None:
    """Return why this policy cannot plan the case: it does not know the action, or the payload."""
    if case.action not in policy.actions:
        return f"the action “{case.action}” is not declared"
    faults = policy.payload_errors(case.action, case.payload)
    if faults:
        return f"the payload does not fit the action's schema at {faults[0].pointer}"
    return None


def outcome(plan: Plan) -> dict[str, JSON]:
    """Return what a case may expect of a plan."""
    return {
        "effect": plan.effect,
        "rule": plan.rule,
        "stages": [stage.confirm or list(stage.any_of) for stage in plan.stages],
        "approvals": [stage.approvals for stage in plan.stages],
        "channels": list(plan.channels),
        "assurance": plan.assurance,
    }


def results(policy: Compiled) -> Iterator[CaseResult]:
    """Yield what comes of every case of the document, in its order."""
    for case in policy.document.tests:
        reason = unplannable(policy, case)
        if reason is not None:
            yield CaseResult(case, {}, "", f"it cannot be planned: {reason}")
            continue
        plan = planned(policy, case)
        came = outcome(plan)
        wrong = [key for key, value in case.expect.items() if came[key] != value]
        differs = None
        if wrong:
            expected = ", ".join(f"{key} {_said(case.expect[key])}" for key in wrong)
            differs = f"expected {expected}; it comes to {in_words(plan)}{_where(came, wrong)}"
        yield CaseResult(case, came, plan.why, differs)


def faults(policy: Compiled) -> Iterator[PolicyError]:
    """Yield a fault for each case that fails, where the case stands."""
    for result in results(policy):
        if result.differs is not None:
            place = result.case.place
            named = f" “{result.case.name}”" if result.case.name else ""
            detail = f"Case{named} fails: {result.differs}."
            yield PolicyError(place.line, place.column, place.path, detail)


def in_words(plan: Plan) -> str:
    """Return effect, rule and stages of a plan in one line."""
    by = f"by “{plan.rule}”" if plan.rule else "as no rule matches"
    stages = ", then ".join(_stage(stage) for stage in plan.stages)
    return f"{plan.effect} {by}" + (f": {stages}" if stages else "")


def _where(came: Mapping[str, JSON], wrong: Collection[str]) -> str:
    """Return those of channels and assurance that differ, which stand in no other words."""
    told = [key for key in ("channels", "assurance") if key in wrong]
    return "".join(f", {key} {_said(came[key])}" for key in told)


def _stage(stage: Stage) -> str:
    if stage.confirm is not None:
        return f"the {stage.confirm} confirms"
    needed = f"{stage.approvals} of " if stage.approvals > 1 else ""
    return needed + " or ".join(stage.any_of)


def _said(value: JSON) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_said(item) for item in value) + "]"
    return "none" if value is None else str(value)
