"""Where a person is told, and when: the channels in their order, quiet hours, gathering mails.  Pure.

A channel that does not work is passed over; one that a person did not choose is still better than
silence, and stands last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Channel = Literal["slack", "email", "push"]
#: In which order people are told unless they, or a role of theirs, say otherwise.
CHANNELS: Final[tuple[Channel, ...]] = ("slack", "email", "push")
#: What fails for so long is taken over by the next channel, while it is tried again.
TAKEN_OVER_AFTER: Final = timedelta(seconds=30)
#: When a daily gathering mail goes out, where its reader is.
DAILY_AT: Final = time(8)


@dataclass(frozen=True, slots=True)
class Reach:
    """How a person can be reached, and how they want to be.

    ``slack`` are (installation, Slack user) pairs that work; ``chosen`` is None where they chose nothing.
    """

    person: UUID
    slack: tuple[tuple[UUID, str], ...] = ()
    email: bool = False
    push: bool = False
    chosen: tuple[str, ...] | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None
    timezone: str = "UTC"
    digest: str = "none"
    outcomes: bool = True

    def has(self, channel: str) -> bool:
        """Whether there is such a way to them at all."""
        return {"slack": bool(self.slack), "email": self.email, "push": self.push}[channel]


@dataclass(frozen=True, slots=True)
class Tried:
    """What was sent to a person about this already, by one channel."""

    channel: str
    state: str
    failing_since: datetime | None = None

    def works(self, now: datetime) -> bool:
        """Whether nothing speaks against it: sent, or on its way."""
        if self.state == "sent":
            return True
        late = self.failing_since is not None and now - self.failing_since >= TAKEN_OVER_AFTER
        return self.state == "pending" and not late


def next_channels(
    reach: Reach, defaults: Sequence[Sequence[str]], tried: Sequence[Tried], now: datetime
) -> list[str]:
    """The channels by which this person is still to be told; none where they are told.

    Of Slack and mail the first that works tells; a browser that asked for it is told besides.

    Args:
        defaults: what each of the roles that are asked says of its members.
        tried: everything that was sent to them about this already.
    """
    wanted = reach.chosen
    if wanted is None:
        wanted = tuple(dict.fromkeys(one for some in defaults for one in some)) or CHANNELS
    known = {one.channel: one for one in tried}
    besides = ["push"] if "push" in wanted and reach.push and "push" not in known else []
    # What they did not choose stands last: it is tried where nothing that they chose works.
    for channel in dict.fromkeys((*wanted, *CHANNELS)):
        if channel == "push" or not reach.has(channel):
            continue
        if channel not in known:
            return [*besides, channel]
        if known[channel].works(now):
            return besides
    if reach.push and "push" not in known:
        return ["push"]
    return besides


def told_at(reach: Reach, *, critical: bool, expires_at: datetime, now: datetime) -> datetime:
    """When they are told: now, or when their quiet hours end.

    Quiet hours hold back what can wait: not what is critical, nor what would be over by then.
    """
    if critical or reach.quiet_from is None or reach.quiet_until is None:
        return now
    end = _quiet_end(now.astimezone(_zone(reach.timezone)), reach.quiet_from, reach.quiet_until)
    return now if end is None or end >= expires_at else end


def gathered_at(reach: Reach, *, risk: str, expires_at: datetime, now: datetime) -> datetime | None:
    """When the gathering mail goes out that tells them of this; None: it is told on its own.

    Only what is of low risk is gathered, and only where it waits until then.
    """
    if risk != "low" or reach.digest == "none":
        return None
    there = now.astimezone(_zone(reach.timezone))
    if reach.digest == "hourly":
        slot = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    else:
        slot = _next(there, DAILY_AT)
    return slot if slot < expires_at else None


def _quiet_end(there: datetime, begin: time, end: time) -> datetime | None:
    """When the quiet hours that hold now end; None outside of them."""
    clock = there.time()
    over_midnight = begin > end
    inside = (clock >= begin or clock < end) if over_midnight else begin <= clock < end
    return _next(there, end) if inside else None


def _next(there: datetime, clock: time) -> datetime:
    """The next instant at which clocks there show this time, in UTC.

    Two times of one zone compare by what clocks show, which is not their order in the hour that comes
    twice; hence UTC.  A time that no clock shows that day counts as if clocks had not been changed.
    """
    now = there.astimezone(UTC)
    today = there.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
    for pass_ in (0, 1):
        instant = today.replace(fold=pass_).astimezone(UTC)
        if instant > now:
            return instant
    return (today.replace(fold=0) + timedelta(days=1)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def merged(defaults: Mapping[str, Sequence[str]], roles: Sequence[str]) -> list[Sequence[str]]:
    """What these roles say of how their members are told, those that say nothing left out."""
    return [defaults[role] for role in roles if defaults.get(role)]
