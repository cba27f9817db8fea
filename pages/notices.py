"""What the inbox tells owners and administrators beside the queue, and the page with all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.urls import reverse

from approvals.unsettled import MOST_COUNTED, Unsettled
from callbacks.lists import MOST_HELD, Disabled
from core import ids
from notifications.channels import MOST_LISTED
from oversight.attention import attention
from oversight.channels import RoleChannel, Trouble
from pages.endpoints import REASONS
from pages.templatetags.assentry import bare
from pages.visitor import Visitor

#: Endpoints that the inbox names one by one; of more it only says how many.
MOST_NAMED: Final = 2


@dataclass(frozen=True, slots=True)
class Stopped:
    """An endpoint that was disabled by itself."""

    url: str
    host: str
    agent_name: str
    why: str
    since: datetime
    held: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An approval that lapsed, or whose result is missing."""

    url: str
    title: str
    agent_name: str
    since: datetime
    picked_up: bool


@dataclass(frozen=True, slots=True)
class Notices:
    """What the inbox says: endpoints by name, and lines with where to look."""

    stopped: tuple[Stopped, ...]
    lines: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.stopped or self.lines)


def notices(visitor: Visitor) -> Notices:
    """The notices for this visitor; none for who owns no agent and does not administer."""
    found = attention(reader=visitor.reader)
    there = reverse("attention")
    lines = []
    more = len(found.disabled) - MOST_NAMED
    if more > 0:
        lines.append(
            (
                f"{_many(more, 'more endpoint was', 'more endpoints were')} disabled",
                f"{there}#disabled",
            )
        )
    if found.lapsed:
        said = _many(found.lapsed, "approval lapsed", "approvals lapsed")
        used = "it" if found.lapsed == 1 else "them"
        lines.append((f"{said}: nobody used {used} in time", f"{there}#lapsed"))
    if found.untold:
        said = _many(found.untold, "permit was used", "permits were used")
        lines.append((f"{said} without a result", f"{there}#untold"))
    lines += channel_lines(found.channels)
    if found.clock:
        lines.append((found.clock, f"{there}#clock"))
    return Notices(tuple(stopped(one) for one in found.disabled[:MOST_NAMED]), tuple(lines))


def channel_lines(found: Trouble) -> list[tuple[str, str]]:
    """What is wrong with channels, and where it is mended."""
    there = reverse("channels")
    lines = [
        (f"Slack refuses the app of {bare(app.name)}: {app.reason}", f"{there}#slack")
        for app in found.apps
    ]
    lines += [
        (f"The Slack channel of {bare(one.title)} takes no posts: {_why(one)}", f"{there}#slack")
        for one in found.roles
    ]
    if found.unreached:
        said = _many(found.unreached, "request that waits", "requests that wait", most=MOST_LISTED)
        lines.append((f"{said} told nobody", f"{there}#silent"))
    return lines


def _why(one: RoleChannel) -> str:
    return one.reason or "no app of its team is connected"


def stopped(one: Disabled) -> Stopped:
    """An endpoint that was disabled, in words."""
    return Stopped(
        url=reverse("endpoint", args=[ids.encode("end", one.id)]),
        host=urlsplit(one.url).netloc,
        agent_name=one.agent_name,
        why=REASONS[one.reason],
        since=one.since,
        held=_many(one.held, "delivery is", "deliveries are", most=MOST_HELD) if one.held else "",
    )


def ended(one: Unsettled) -> Ended:
    """An approval that its owner ought to look at."""
    return Ended(
        url=reverse("request", args=[ids.encode("req", one.id)]),
        title=one.title,
        agent_name=one.agent_name,
        since=one.since,
        picked_up=one.picked_up,
    )


def _many(count: int, one: str, many: str, most: int = MOST_COUNTED) -> str:
    """``1 approval lapsed``, ``3 approvals lapsed``, ``More than 99 approvals lapsed``."""
    if count > most:
        return f"More than {most} {many}"
    return f"{count} {one if count == 1 else many}"
