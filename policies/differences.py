"""What changes from one policy to another, in words: its parts, and what comes of the known cases."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from core import durations
from core.canonical import canonical
from core.http import origin
from people.schedules.terms import ROTATIONS, UPLOADED, Schedule, Shift
from policies import schema, show
from policies.assurance import CHANNELS
from policies.cases import in_words, planned, unplannable
from policies.compiled import Compiled
from policies.errors import Place
from policies.plan import PermitTerms, Stage
from policies.terms import (
    Action,
    Ask,
    Case,
    DeclaredSchedule,
    Document,
    EscalationStep,
    Role,
    Rule,
)

Part = TypeVar("Part")

_LONGEST: Final = 200
_ANY_TIME: Final = datetime.fromisoformat(schema.DEFAULT_NOW)
_NOWHERE: Final = Place(1, 1, "")


@dataclass(frozen=True, slots=True)
class Change:
    """One part that differs; `text` says how, for people."""

    what: Literal["fallback", "role", "schedule", "action", "rule", "escalation", "tool", "tests"]
    name: str
    change: Literal["added", "removed", "changed", "moved"]
    text: str


@dataclass(frozen=True, slots=True)
class EffectChange:
    """What comes of the same submission before and after, in words.

    `case` names a test of either document; None: every submission of the action.
    """

    action: str
    case: str | None
    before: str
    after: str

    @property
    def text(self) -> str:
        """One line for people."""
        which = f"Case {self.case}" if self.case is not None else f"Every {self.action}"
        return f"{which}: {self.before} → {self.after}"


def changes(before: Document, after: Document) -> Iterator[Change]:
    """Yield what was added, removed, changed and moved, in the order of the format."""
    if before.fallback != after.fallback:
        text = f"The fallback is {after.fallback}; it was {before.fallback}."
        yield Change("fallback", after.fallback, "changed", text)
    yield from _parts("role", before.roles, after.roles, _role_words, _role)
    yield from _parts("schedule", before.schedules, after.schedules, _schedule_words, _schedule)
    fallbacks = (before.fallback, after.fallback)

    def action(then: Action, now: Action) -> list[str]:
        # An owner that follows from the fallback is told with the fallback.
        owner = (
            [] if fallbacks == (then.owner, now.owner) else _turned("owner", then.owner, now.owner)
        )
        return owner + _action(then, now)

    yield from _parts("action", before.actions, after.actions, _action_words, action)
    old, new = ({rule.name: rule for rule in one.rules} for one in (before, after))
    yield from _parts("rule", old, new, _rule_words, _rule)
    yield from _moved(list(old), list(new))
    yield from _parts("escalation", before.escalations, after.escalations, _steps, _escalation)
    yield from _parts("tool", before.tools, after.tools, ", ".join, _labels)
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
    then, now = in_words(planned(before, case)), in_words(planned(after, case))
    if then != now:
        yield EffectChange(case.action, name, then, now)


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
) -> Iterator[Change]:
    for name, part in after.items():
        if name not in before:
            yield Change(what, name, "added", f"{_titled(what, name)} is added: {words(part)}.")
        elif found := compared(before[name], part):
            yield Change(what, name, "changed", f"{_titled(what, name)}: {'; '.join(found)}.")
    for name in before:
        if name not in after:
            yield Change(what, name, "removed", f"{_titled(what, name)} is removed.")


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
            yield Change("rule", name, "moved", f"{_titled('rule', name)} stands {where} now.")


def _turned(what: str, before: object, after: object) -> list[str]:
    return [] if before == after else [f"{what} {_short(before)} → {_short(after)}"]


def _short(value: object) -> str:
    text = "none" if value is None else " ".join(str(value).split())
    return show.cut(text, _LONGEST)


def _role_words(role: Role) -> str:
    if role.members is None:
        return "filled by hand"
    return ", ".join(member.email for member in role.members) or "nobody"


def _role(before: Role, after: Role) -> list[str]:
    found = _turned("title", before.title, after.title)
    found += _turned("Slack channel", before.slack, after.slack)
    found += _turned("told by", ", ".join(before.tell) or None, ", ".join(after.tell) or None)
    found += _turned("schedule", before.schedule, after.schedule)
    if (before.members is None) != (after.members is None):
        how = "by role_grant alone" if after.members is None else "by the document"
        found.append(f"filled {how} now")
    found += [f"{email} joins" for email in sorted(after.emails - before.emails)]
    found += [f"{email} leaves" for email in sorted(before.emails - after.emails)]
    return found


def _schedule_words(schedule: DeclaredSchedule) -> str:
    said = schedule.says
    if said.ical is not None:
        return f"{_calendar(said)} in {said.timezone}"
    shifts = "; ".join(_shift(shift) for shift in said.shifts)
    holidays = f", without the holidays of {_whose(said)}" if said.holidays else ""
    return f"{shifts} in {said.timezone}{holidays}"


def _schedule(before: DeclaredSchedule, after: DeclaredSchedule) -> list[str]:
    then, now = before.says, after.says
    found = _turned("time zone", then.timezone, now.timezone)
    found += _turned("holidays", _whose(then), _whose(now))
    found += _turned("calendar", _calendar(then), _calendar(now))
    if then.ical != now.ical and not found:
        found.append("another calendar at the same place")
    old, new = ("; ".join(_shift(shift) for shift in one.shifts) or None for one in (then, now))
    return found + _turned("shifts", old, new)


def _calendar(said: Schedule) -> str | None:
    """Where the calendar is: an address may hold a secret behind its host."""
    if said.ical is None:
        return None
    return (
        "a calendar that is uploaded"
        if said.ical == UPLOADED
        else f"a calendar at {origin(said.ical)}"
    )


def _whose(said: Schedule) -> str | None:
    if said.holidays is None:
        return None
    return " ".join(filter(None, (said.holidays.country, said.holidays.subdivision)))


def _shift(shift: Shift) -> str:
    words = [", ".join(shift.who)]
    words += [shift.rotate if shift.rotate in ROTATIONS else f"every {shift.rotate}"] * (
        shift.rotate != "none"
    )
    words += [f"from {shift.begin:%Y-%m-%dT%H:%M}"] if shift.begin else []
    words += [f"until {shift.until:%Y-%m-%dT%H:%M}"] if shift.until else []
    words += [f"at {shift.hours}"] if shift.hours else []
    return " ".join(words) + (" also on holidays" if shift.on_holidays else "")


def _action_words(action: Action) -> str:
    return f"{action.risk} risk"


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


def _rule_words(rule: Rule) -> str:
    when = f" when {_short(rule.when.source)}" if rule.when else ""
    asks = f", {_ask_words(rule.ask)}" if rule.ask else ""
    return f"{rule.effect} {rule.action}{when}{asks}"


def _rule(before: Rule, after: Rule) -> list[str]:
    found = _turned("effect", before.effect, after.effect)
    found += _turned("action", before.action, after.action)
    then, now = (rule.when.source if rule.when else "always" for rule in (before, after))
    found += _turned("when", then, now)
    if before.ask and after.ask:
        found += _turned("asks", _stages(before.ask), _stages(after.ask))
        found += _turned("time", _life(before.ask), _life(after.ask))
        found += _turned("on expiry", before.ask.on_expiry, after.ask.on_expiry)
        found += _turned("comment", before.ask.comment, after.ask.comment)
        found += _turned("decided in", _places(before.ask), _places(after.ask))
        found += _turned("assurance", _proof(before.ask), _proof(after.ask))
        found += _turned("escalation", before.ask.escalation, after.ask.escalation)
        found += _turned("extend", _more(before.ask), _more(after.ask))
    elif after.ask:
        found.append(_ask_words(after.ask))
    if after.effect != "deny":
        found += _permit(before, after)
    return found + _turned("reason", before.reason, after.reason)


def _ask_words(ask: Ask) -> str:
    where = f", decided in {_places(ask)}" if ask.channels != CHANNELS else ""
    proof = f", assurance {ask.assurance}" if ask.assurance is not None else ""
    return f"asks {_stages(ask)}{where}{proof}"


def _places(ask: Ask) -> str:
    return " or ".join(ask.channels)


def _proof(ask: Ask) -> str:
    return ask.assurance or "by risk"


def _stages(ask: Ask) -> str:
    return ", then ".join(_stage(stage) for stage in ask.stages)


def _stage(stage: Stage) -> str:
    if stage.confirm is not None:
        return f"the {stage.confirm}, to confirm"
    text = " or ".join(stage.any_of)
    if stage.approvals > 1:
        text = f"{stage.approvals} of {text}"
    if stage.rejections > 1:
        text += f" ({stage.rejections} rejections end it)"
    return text + (" (not who approved before)" if stage.distinct_from_earlier else "")


def _life(ask: Ask) -> str:
    life: timedelta | None = ask.expires_in
    if life is None:
        return "by risk"
    return durations.show(life) + (schema.OF_BUSINESS if ask.business else "")


def _more(ask: Ask) -> str | None:
    return None if ask.extend is None else durations.show(ask.extend)


def _steps(steps: tuple[EscalationStep, ...]) -> str:
    return ", ".join(map(_step, steps))


def _step(step: EscalationStep) -> str:
    when = durations.show(step.after) + (schema.OF_BUSINESS if step.business else "")
    text = f"after {when} {step.does} {step.target}".rstrip()
    if step.via:
        text += f" by {' and '.join(step.via)}"
    if step.every is not None:
        text += f", {step.times} more times every {durations.show(step.every)}"
    return text


def _escalation(before: tuple[EscalationStep, ...], after: tuple[EscalationStep, ...]) -> list[str]:
    return _turned("steps", _steps(before), _steps(after))


def _permit(before: Rule, after: Rule) -> list[str]:
    """The parts of the permit that differ; a rule that lets nothing run counts as the defaults."""
    then, now = (rule.ask.permit if rule.ask else rule.permit for rule in (before, after))
    return [
        words
        for part in schema.PERMIT
        for words in _turned(f"permit {part}", _lasts(then, part), _lasts(now, part))
    ]


def _lasts(permit: PermitTerms, part: str) -> str:
    return durations.show(timedelta(seconds=getattr(permit, f"{part}_s")))


def _labels(before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    return _turned("labels", ", ".join(before), ", ".join(after))
