"""Which steps of an escalation are to be taken now, and when the next one is due.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from approvals.frozen import TELLS, FrozenStep

#: Steps that say something to people: of several that passed meanwhile only the latest is worth saying.
#: A pager rings all the same, and whoever may decide from then on may.
TELLING: Final = frozenset({"remind", "notify"})


class Taken(Enum):
    """How a step that is not to wait any longer is taken."""

    #: Its time has come.
    DUE = "due"
    #: So has that of a later one, which says it all.
    COLLAPSED = "collapsed"
    #: Its time has not come: somebody said now, or nobody was reached.
    SOONER = "sooner"


@dataclass(frozen=True, slots=True)
class Look:
    """What comes of a look: steps by their number in order, and when to look again; None: never."""

    take: tuple[tuple[int, Taken], ...]
    again_at: datetime | None


def look(
    steps: Sequence[FrozenStep],
    due: Sequence[datetime | None],
    done: Collection[int],
    now: datetime,
    *,
    sooner: bool = False,
) -> Look:
    """Look at the clock of one stage.

    Steps whose time has passed are taken in the order of time.  Of those that only tell people
    (`TELLING`), one collapses where a later one that tells or pages has passed as well.

    Args:
        steps: those of the plan, in order.
        due: when each is; None where that is not within reach.
        done: the numbers of those that were taken before.
        sooner: whether one step is to be taken before its time, where none has passed.  A request
            never meets its deadline sooner.
    """
    waiting = [number for number in range(len(steps)) if number not in done]
    passed = [(at, number) for number in waiting if (at := due[number]) is not None and at <= now]
    passed.sort()
    told = [at for at, number in passed if steps[number].does in TELLS]
    latest = max(told, default=None)
    take = [
        (number, Taken.COLLAPSED)
        if steps[number].does in TELLING and latest is not None and at < latest
        else (number, Taken.DUE)
        for at, number in passed
    ]
    if sooner and not take:
        number = next_step(steps, done)
        take += [] if number is None else [(number, Taken.SOONER)]
    taken = {number for number, _ in take}
    later = [at for n in waiting if n not in taken and (at := due[n]) is not None]
    return Look(tuple(take), min(later, default=None))


def next_step(steps: Sequence[FrozenStep], done: Collection[int]) -> int | None:
    """The step that is taken where somebody says: now.  None where none is left."""
    waiting = (n for n in range(len(steps)) if n not in done and steps[n].does != "expire")
    return next(waiting, None)
