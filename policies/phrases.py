"""The parts of a policy in words: how differences, and the page that reads a policy, say them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from core import durations
from core.http import origin
from people.schedules.terms import ROTATIONS, UPLOADED, Schedule, Shift
from policies import schema, show
from policies.assurance import CHANNELS
from policies.plan import PermitTerms, Stage
from policies.terms import Action, Ask, DeclaredSchedule, EscalationStep, Role, Rule

_LONGEST: Final = 200


def short(value: object) -> str:
    """A value on one line, shortened; `none` where there is none."""
    text = "none" if value is None else " ".join(str(value).split())
    return show.cut(text, _LONGEST)


def role(one: Role) -> str:
    """Who is in it, as the document says."""
    said = [] if one.members is None else [member.email for member in one.members]
    if one.group is not None:
        said.append(f"the group {one.group}")
    return ", ".join(said) or ("filled by hand" if one.members is None else "nobody")


def schedule(one: DeclaredSchedule) -> str:
    """Its shifts, or where its calendar is."""
    said = one.says
    if said.ical is not None:
        return f"{calendar(said)} in {said.timezone}"
    shifts = "; ".join(shift(each) for each in said.shifts)
    without = f", without the holidays of {holidays(said)}" if said.holidays else ""
    return f"{shifts} in {said.timezone}{without}"


def calendar(said: Schedule) -> str | None:
    """Where the calendar is: an address may hold a secret behind its host."""
    if said.ical is None:
        return None
    return (
        "a calendar that is uploaded"
        if said.ical == UPLOADED
        else f"a calendar at {origin(said.ical)}"
    )


def holidays(said: Schedule) -> str | None:
    """Whose holidays."""
    if said.holidays is None:
        return None
    return " ".join(filter(None, (said.holidays.country, said.holidays.subdivision)))


def shift(one: Shift) -> str:
    """Who, in which turns, and when."""
    words = [", ".join(one.who)]
    words += [one.rotate if one.rotate in ROTATIONS else f"every {one.rotate}"] * (
        one.rotate != "none"
    )
    words += [f"from {one.begin:%Y-%m-%dT%H:%M}"] if one.begin else []
    words += [f"until {one.until:%Y-%m-%dT%H:%M}"] if one.until else []
    words += [f"at {one.hours}"] if one.hours else []
    return " ".join(words) + (" also on holidays" if one.on_holidays else "")


def action(one: Action) -> str:
    """Its risk."""
    return f"{one.risk} risk"


def rule(one: Rule) -> str:
    """What it does to what, when, and whom it asks."""
    when = f" when {short(one.when.source)}" if one.when else ""
    asks = f", {ask(one.ask)}" if one.ask else ""
    return f"{one.effect} {one.action}{when}{asks}"


def ask(one: Ask) -> str:
    """Whom it asks, and where and how surely unless that is as usual."""
    where = f", decided in {places(one)}" if one.channels != CHANNELS else ""
    proof = f", assurance {one.assurance}" if one.assurance is not None else ""
    return f"asks {stages(one.stages)}{where}{proof}"


def places(one: Ask) -> str:
    """Where it may be decided."""
    return " or ".join(one.channels)


def proof(one: Ask) -> str:
    """How surely it must be known who decides."""
    return one.assurance or "by risk"


def stages(several: Sequence[Stage], called: Callable[[str], str] = str) -> str:
    """Stages one after the other; `called` says what people call a role."""
    return ", then ".join(stage(each, called) for each in several)


def stage(one: Stage, called: Callable[[str], str] = str) -> str:
    """Who of whom."""
    if one.confirm is not None:
        return f"the {one.confirm}, to confirm"
    text = " or ".join(map(called, one.any_of))
    if one.approvals > 1:
        text = f"{one.approvals} of {text}"
    if one.rejections > 1:
        text += f" ({one.rejections} rejections end it)"
    return text + (" (not who approved before)" if one.distinct_from_earlier else "")


def life(one: Ask) -> str:
    """How long people have."""
    if one.expires_in is None:
        return "by risk"
    return durations.show(one.expires_in) + (schema.OF_BUSINESS if one.business else "")


def dwell(one: Ask) -> str | None:
    """How long it must have been open before a yes."""
    return None if one.dwell is None else durations.show(one.dwell)


def more_time(one: Ask) -> str | None:
    """How much more a reviewer may give."""
    return None if one.extend is None else durations.show(one.extend)


def steps(several: Sequence[EscalationStep]) -> str:
    """Steps one after the other."""
    return ", ".join(map(step, several))


def step(one: EscalationStep) -> str:
    """When, and what is done."""
    when = durations.show(one.after) + (schema.OF_BUSINESS if one.business else "")
    text = f"after {when} {one.does} {one.target}".rstrip()
    if one.via:
        text += f" by {' and '.join(one.via)}"
    if one.every is not None:
        text += f", {one.times} more times every {durations.show(one.every)}"
    return text


def lasts(permit: PermitTerms, part: str) -> str:
    """How long one part of a permit is."""
    return durations.show(timedelta(seconds=getattr(permit, f"{part}_s")))
