"""From the escalations of a document to the steps of a plan.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from policies.plan import Step
from policies.terms import Ask, Document, EscalationStep

#: So many steps of a stage are kept, repetitions counted; no pager rings for ever.
MOST_STEPS: Final = 60


def steps(
    document: Document, asks: Sequence[Ask], *, owner: str, expires_in: timedelta
) -> tuple[Step, ...]:
    """Return the steps that hold for each stage of a plan, in the order of time.

    Where several asks are one plan, the steps of all are taken, but none that lets more people
    decide: what is added never loosens.

    Args:
        asks: those that the plan is made of.
        owner: the role that owns the action, which hears of it where nothing is written.
        expires_in: how long the whole request has.
    """
    names = list(dict.fromkeys(ask.escalation for ask in asks))
    ladders = [_ladder(document, name, owner, expires_in) for name in names]
    found = dict.fromkeys(step for ladder in ladders for step in ladder)
    loosens = len(names) > 1
    kept = [step for step in found if not (loosens and step.does == "widen")]
    return tuple(sorted(kept, key=_when)[:MOST_STEPS])


def _ladder(
    document: Document, name: str | None, owner: str, expires_in: timedelta
) -> Iterable[Step]:
    if name is None:
        return standard(owner, expires_in)
    return [step for line in document.escalations.get(name, ()) for step in expanded(line)]


def standard(owner: str, expires_in: timedelta) -> list[Step]:
    """Return what is done where a rule names nothing: half the time, and three quarters of it."""
    whole = int(expires_in.total_seconds())
    return [
        Step(max(1, whole // 2), "remind"),
        Step(max(1, whole * 3 // 4), "notify", f"role:{owner}"),
    ]


def expanded(line: EscalationStep) -> list[Step]:
    """Return a line as steps: itself, and each repetition."""
    every = line.every or timedelta(0)
    return [
        Step(
            int((line.after + every * time).total_seconds()),
            line.does,
            line.target,
            line.via,
            line.business,
        )
        for time in range(line.times + 1)
    ]


def _when(step: Step) -> tuple[bool, int, bool]:
    # What is counted in open hours comes no sooner than the same time on the clock.
    return (step.does == "expire", step.after_s, step.business)
