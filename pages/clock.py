"""The clock of a request in words: what was done while nobody decided, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from approvals.frozen import FrozenPlan
from approvals.row import Row
from approvals.status import Status
from core import durations
from escalations import story
from escalations.story import Clock, Coming, Step

_CAUSES: Final = {"unreached": ", since nobody could be reached", "clock": ""}


@dataclass(frozen=True, slots=True)
class Moment:
    """One line; ``at`` is None where it comes too late to be done."""

    at: datetime | None
    said: str
    over: bool


@dataclass(frozen=True, slots=True)
class ClockShown:
    """All of it for one reader.

    ``may_escalate``: there is a step that they may take now; ``most_more``: how much more time they may
    give, empty: none.
    """

    moments: tuple[Moment, ...]
    stands_still: bool
    may_escalate: bool
    most_more: str
    extended_by: str


def clock_shown(
    row: Row, plan: FrozenPlan, *, asked: bool, titles: Mapping[str, str]
) -> ClockShown:
    """The clock of a request.

    Args:
        asked: whether the reader is asked.
        titles: of roles, by name.
    """
    found = story.clock_of(row.id)
    acts = asked and row.status == Status.PENDING and not found.stands_still
    more = timedelta(seconds=plan.extend_s)
    return ClockShown(
        moments=tuple(_moments(found, titles)),
        stands_still=found.stands_still,
        may_escalate=acts and any(one.does != "expire" for one in found.coming),
        most_more=durations.show(more)
        if asked and row.status == Status.PENDING and more and row.extended_at is None
        else "",
        extended_by=row.extended_by_name or "",
    )


def _moments(found: Clock, titles: Mapping[str, str]) -> list[Moment]:
    over = [Moment(one.at, _taken(one, titles), over=True) for one in found.taken]
    return over + [Moment(one.at, _coming(one, titles), over=False) for one in found.coming]


def _taken(one: Step, titles: Mapping[str, str]) -> str:
    said = _did(one, titles)
    if one.state == "collapsed":
        return f"{said}: left to the later step that was due as well"
    if one.state == "skipped":
        return f"{said}: could not be done, {one.reason}"
    cause = f", because {one.by or 'somebody'} said so" if one.cause == "person" else ""
    lost = "; nothing of it was delivered" if one.undelivered_at is not None else ""
    return f"{said}{cause or _CAUSES.get(one.cause, '')}{lost}"


def _did(one: Step, titles: Mapping[str, str]) -> str:
    return {
        "remind": "reminded who had not decided",
        "notify": f"told {whom(one.target, titles)}",
        "widen": f"let {whom(one.target, titles)} decide as well",
        "page": f"called the pager {one.target}",
        "expire": "met its deadline early",
    }[one.does]


def _coming(one: Coming, titles: Mapping[str, str]) -> str:
    said = {
        "remind": "reminds who has not decided",
        "notify": f"tells {whom(one.target, titles)}",
        "widen": f"lets {whom(one.target, titles)} decide as well",
        "page": f"calls the pager {one.target}",
        "expire": "meets its deadline early",
    }[one.does]
    return said if one.at is not None else f"{said}: not before the deadline, so not at all"


def whom(target: str, titles: Mapping[str, str]) -> str:
    """Whom a step is about, in words."""
    kind, _, name = target.partition(":")
    if kind == "role":
        return titles.get(name, name)
    return {"schedule": f"who is on duty by {name}", "person": "the person it names"}.get(
        kind, name
    )
