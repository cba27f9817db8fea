"""Who was told of a request, in words, for its page: each person and role once, by every channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notifications.stories import Message, Story

#: "told in Slack", "told by mail".
_TOLD: Final = {"slack": "in Slack", "email": "by mail", "push": "in a browser"}
_WAITS: Final = {"slack": "Slack's turn", "email": "mail", "push": "the browser's turn"}

#: What they were told, by kind; words of the conversation are left out.
_WHAT: Final = {
    "asked": "",
    "reminder": "once more ",
    "notice": "that nobody decides ",
    "outcome": "of the outcome ",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One message in words; ``at`` and ``viewed`` are instants that stand between them.

    ``said`` comes before `at`, ``more`` after everything.
    """

    dot: str
    said: str
    at: datetime | None = None
    viewed: datetime | None = None
    more: str = ""


@dataclass(frozen=True, slots=True)
class Whom:
    """A person, or a role's channels, and how they were told."""

    name: str
    role: bool
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class WhoWasTold:
    """All of it; ``unreached``: since when it waits and nobody could be told."""

    people: tuple[Whom, ...]
    unreached: datetime | None

    def __bool__(self) -> bool:
        return bool(self.people or self.unreached)


def who_was_told(story: Story, titles: Mapping[str, str]) -> WhoWasTold:
    """People first as they were told, then roles' channels; words of the conversation are left out.

    Args:
        titles: of roles, by name.
    """
    told: dict[tuple[bool, str], list[Message]] = {}
    for one in story.messages:
        if one.kind in _WHAT:
            key = (one.person is None, str(one.person or one.role))
            told.setdefault(key, []).append(one)
    people = [
        Whom(
            titles.get(messages[0].role, messages[0].role) if is_role else messages[0].name,
            is_role,
            tuple(_way(one) for one in _latest(messages)),
        )
        for (is_role, _), messages in told.items()
    ]
    people.sort(key=lambda one: one.role)
    return WhoWasTold(tuple(people), story.unreached_at)


def _latest(messages: Sequence[Message]) -> list[Message]:
    """The newest of each kind and channel: what came of earlier revisions is in the log."""
    found = {(one.kind, one.channel, one.service): one for one in messages}
    return list(found.values())


def _way(one: Message) -> Way:
    how = _TOLD.get(one.channel) or f"by {one.service or 'a service that was removed'}"
    what = _WHAT[one.kind]
    if one.state == "sent":
        return Way("yes", f"told {what}{how}", one.sent_at, one.viewed_at)
    if one.state == "failed":
        return Way("nay", f"could not be told {what}{how}", more=one.reason)
    if one.state == "withdrawn":
        return Way("void", f"was not told {what}{how}: there was nothing left to tell")
    if one.failing:
        waits = _WAITS.get(one.channel, one.service)
        return Way("back", f"{waits} waits", more=f"{one.reason}; tried {one.tries} times")
    if one.gathered:
        return Way("back", f"to be told {how}, in a gathering mail after", one.due_at)
    if one.due_at > one.created_at:
        return Way("back", f"to be told {what}{how} after", one.due_at)
    return Way("back", f"is being told {what}{how}")
