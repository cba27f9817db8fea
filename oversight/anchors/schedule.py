"""When anchors are made, tried again, and missed.  Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

#: By kind of target: how often the log is looked at.
INTERVALS: Final = {
    "file": timedelta(minutes=1),
    "webhook": timedelta(hours=1),
    "tsa": timedelta(hours=1),
}
#: After the first failure; each further one doubles it, up to the interval.
FIRST_PAUSE: Final = timedelta(seconds=30)
#: So many failures in a row are an event.
TOLD_AFTER: Final = 3
#: News that lies nowhere outside for so many intervals is a warning, and after this time a failure.
LATE_INTERVALS: Final = 3
FAILED_AFTER: Final = timedelta(hours=24)

Level = Literal["ok", "warning", "failed"]


def pause(kind: str, failures: int) -> timedelta:
    """How long to wait after so many failures in a row (1 or more)."""
    return min(INTERVALS[kind], FIRST_PAUSE * (1 << min(failures - 1, 20)))


def lateness(kind: str, behind: timedelta | None) -> Level:
    """How bad it is that news is not anchored for so long; None: there is no news."""
    if behind is None or behind <= INTERVALS[kind] * LATE_INTERVALS:
        return "ok"
    return "failed" if behind > FAILED_AFTER else "warning"
