"""What changes from one policy to another, in words: its parts, and what comes of the known cases."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeVar

from core.canonical import canonical
from policies import leaning, phrases, schema
from policies.cases import in_words, planned, unplannable
from policies.compiled import Compiled
from policies.errors import Place
from policies.leaning import Lean
from policies.terms import (
    Action,
    Case,
    DeclaredSchedule,
    Document,
    EscalationStep,
    Role,
    Rule,
)

Part = TypeVar("Part")

_ANY_TIME: Final = datetime.fromisoformat(schema.DEFAULT_NOW)
_NOWHERE: Final = Place(1, 1, "")


@dataclass(frozen=True, slots=True)
class Change:
    """One part that differs; `text` says how, for people, and `leans` which way."""

    what: Literal["fallback", "role", "schedule", "action", "rule", "escalation", "tool", "tests"]
    name: str
    change: Literal["added", "removed", "changed", "moved"]
    text: str
    leans: Lean = "neither"


@dataclass(frozen=True, slots=True)
class EffectChange:
    """What comes of the same submission before and after, in words.

    `case` names a test of either document; None: every submission of the action.
    """

    action: str
    case: str | None
    before: str
    after: str
    leans: Lean = "neither"

    @property
    def text(self) -> str:
        """One line for people."""
        which = f"Case {self.case}" if self.case is not None else f"Every {self.action}"
        return f"{which}: {self.before} → {self.after}"


def changes(before: Document, after: Document) -> Iterator[Change]:
    """Yield what was added, removed, changed and moved, in the order of the format."""
    if before.fallback != after.fallback:
        text = f"The fallback is {after.fallback}; it was {before.fallback}."
        yield Change("fallback", after.fallback, "changed", text, "depends")
    yield from _parts("role", before.roles, after.roles, phrases.role, _role, leaning.role)
    yield from _parts(
        "schedule",
        before.schedules,
        after.schedules,
        phrases.schedule,
        _schedule,
        leaning.schedule,
    )
    fallbacks = (before.fallback, after.fallback)

    def action(then: Action, now: Action) -> list[str]:
        # An owner that follows from the fallback is told with the fallback.
        owner = (
            [] if fallbacks == (then.owner, now.owner) else _turned("owner", then.owner, now.owner)
        )
        return owner + _action(then, now)

    yield from _parts(
        "action", before.actions, after.actions, phrases.action, action, leaning.action
    )
    old, new = ({rule.name: rule for rule in one.rules} for one in (before, after))
    yield from _parts("rule", old, new, phrases.rule, _rule, leaning.rule)
    yield from _moved(list(old), list(new))
    yield from _parts(
        "escalation",
        before.escalations,
        after.escalations,
        phrases.steps,
        _escalation,
        leaning.escalation,
    )
    yield from _parts("tool", before.tools, after.tools, ", ".join, _labels, leaning.labels)
    if len(before.tests) != len(after.tests):
        text = f"{len(after.tests)} cases stand under tests; there were {len(before.tests)}."
        yield Change("tests", "tests", "changed", text)


def effect_changes(before: Compiled, after: Compiled) -> Iterator[EffectChange]:
    """Yield where the same submission comes to something else.

    Compared are the actions that no condition splits, and the cases of both documents.
    """
    for name, kind in after.actions.items():
        earlier = before.actions.get(name)
        if earlier is not None and not (kind.conditional or earlier.conditional):
            yield from _compared(before, after, _anything(kind.action), None)
    seen: set[object] = set()
    for document, policy in (("the new", after), ("the active", before)):
        for number, case in enumerate(policy.document.tests, 1):
            if (key := _key(case)) in seen:
                continue
            seen.add(key)
            if unplannable(before, case) is None and unplannable(after, case) is None:
                name = f"“{case.name}”" if case.name else f"{number} of {document} document"
                yield from _compared(before, after, case, name)


def _compared(
    before: Compiled, after: Compiled, case: Case, name: str | None
) -> Iterator[EffectChange]:
    old, new = planned(before, case), planned(after, case)
    then, now = in_words(old), in_words(new)
    if then != now:
        yield EffectChange(case.action, name, then, now, leaning.plan(old, new))


def _anything(action: Action) -> Case:
    """A submission of an action whose rules look at nothing."""
    return Case(None, action.type, {}, "agent", "", 0, 0, None, _ANY_TIME, {}, _NOWHERE)


def _key(case: Case) -> object:
    run = case.run and (
        tuple(sorted(case.run.tools.items())), case.run.labels,
        case.run.cost, case.run.tokens, case.run.age_s,
    )  # fmt: skip
    who = (case.agent_name, case.agent_owner, case.count, case.sum)
    return (case.action, canonical(case.payload), who, run, case.now)


def _parts(
    what: Literal["role", "schedule", "action", "rule", "escalation", "tool"],
    before: Mapping[str, Part],
    after: Mapping[str, Part],
    words: Callable[[Part], str],
    compared: Callable[[Part, Part], list[str]],
    lean: Callable[[Part | None, Part | None], Lean],
) -> Iterator[Change]:
    for name, part in after.items():
        if name not in before:
            yield Change(
                what,
                name,
                "added",
                f"{_titled(what, name)} is added: {words(part)}.",
                lean(None, part),
            )
        elif found := compared(before[name], part):
            yield Change(
                what,
                name,
                "changed",
                f"{_titled(what, name)}: {'; '.join(found)}.",
                lean(before[name], part),
            )
    for name in before:
        if name not in after:
            yield Change(
                what,
                name,
                "removed",
                f"{_titled(what, name)} is removed.",
                lean(before[name], None),
            )


def _titled(what: str, name: str) -> str:
    return f"{what.capitalize()} “{name}”"


def _moved(before: list[str], after: list[str]) -> Iterator[Change]:
    """The fewest rules whose place among the others changed."""
    old = [name for name in before if name in after]
    new = [name for name in after if name in before]
    kept = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    stayed = {name for block in kept for name in new[block.b : block.b + block.size]}
    for name in new:
        if name not in stayed:
            at = after.index(name)
            where = f"after “{after[at - 1]}”" if at else "first"
            yield Change(
                "rule", name, "moved", f"{_titled('rule', name)} stands {where} now.", "depends"
            )


def _turned(what: str, before: object, after: object) -> list[str]:
    return [] if before == after else [f"{what} {phrases.short(before)} → {phrases.short(after)}"]


def _role(before: Role, after: Role) -> list[str]:
    found = _turned("title", before.title, after.title)
    found += _turned("Slack channel", before.slack, after.slack)
    found += _turned("told by", ", ".join(before.tell) or None, ", ".join(after.tell) or None)
    found += _turned("schedule", before.schedule, after.schedule)
    found += _turned("group", before.group, after.group)
    if (before.members is None) != (after.members is None):
        elsewhere = "by role_grant alone" if after.group is None else "by its group and role_grant"
        how = elsewhere if after.members is None else "by the document"
        found.append(f"filled {how} now")
    found += [f"{email} joins" for email in sorted(after.emails - before.emails)]
    found += [f"{email} leaves" for email in sorted(before.emails - after.emails)]
    return found


def _schedule(before: DeclaredSchedule, after: DeclaredSchedule) -> list[str]:
    then, now = before.says, after.says
    found = _turned("time zone", then.timezone, now.timezone)
    found += _turned("holidays", phrases.holidays(then), phrases.holidays(now))
    found += _turned("calendar", phrases.calendar(then), phrases.calendar(now))
    if then.ical != now.ical and not found:
        found.append("another calendar at the same place")
    old, new = (
        "; ".join(phrases.shift(shift) for shift in one.shifts) or None for one in (then, now)
    )
    return found + _turned("shifts", old, new)


def _action(before: Action, after: Action) -> list[str]:
    found = _turned("risk", before.risk, after.risk)
    found += _turned("title", before.title, after.title)
    for what, then, now in (
        ("labels", before.labels, after.labels),
        ("editable", before.editable, after.editable),
        ("sensitive", before.sensitive, after.sensitive),
    ):
        found += _turned(what, ", ".join(then) or None, ", ".join(now) or None)
    if before.schema.source != after.schema.source:
        found.append("the schema changes")
    if before.show != after.show:
        found.append("the line that is shown changes")
    return found


def _rule(before: Rule, after: Rule) -> list[str]:
    found = _turned("effect", before.effect, after.effect)
    found += _turned("action", before.action, after.action)
    then, now = (rule.when.source if rule.when else "always" for rule in (before, after))
    found += _turned("when", then, now)
    if before.ask and after.ask:
        found += _turned(
            "asks", phrases.stages(before.ask.stages), phrases.stages(after.ask.stages)
        )
        found += _turned("time", phrases.life(before.ask), phrases.life(after.ask))
        found += _turned("on expiry", before.ask.on_expiry, after.ask.on_expiry)
        found += _turned("comment", before.ask.comment, after.ask.comment)
        found += _turned("decided in", phrases.places(before.ask), phrases.places(after.ask))
        found += _turned("assurance", phrases.proof(before.ask), phrases.proof(after.ask))
        found += _turned("escalation", before.ask.escalation, after.ask.escalation)
        found += _turned("dwell", phrases.dwell(before.ask), phrases.dwell(after.ask))
        found += _turned("extend", phrases.more_time(before.ask), phrases.more_time(after.ask))
    elif after.ask:
        found.append(phrases.ask(after.ask))
    if after.effect != "deny":
        found += _permit(before, after)
    return found + _turned("reason", before.reason, after.reason)


def _escalation(before: tuple[EscalationStep, ...], after: tuple[EscalationStep, ...]) -> list[str]:
    return _turned("steps", phrases.steps(before), phrases.steps(after))


def _permit(before: Rule, after: Rule) -> list[str]:
    """The parts of the permit that differ; a rule that lets nothing run counts as the defaults."""
    then, now = (rule.ask.permit if rule.ask else rule.permit for rule in (before, after))
    return [
        words
        for part in schema.PERMIT
        for words in _turned(f"permit {part}", phrases.lasts(then, part), phrases.lasts(now, part))
    ]


def _labels(before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    return _turned("labels", ", ".join(before), ", ".join(after))
