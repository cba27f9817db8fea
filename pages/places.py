"""Where the frame around every page leads: one line for each place, with who is led there.

A page that belongs to a place says so with ``here``, its name.  What a person may not see is not offered;
the page itself looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from pages.visitor import Shell


@dataclass(frozen=True, slots=True)
class Place:
    """A page that the frame leads to: its words, the name of its address, and who is led there."""

    label: str
    name: str
    shown: Callable[[Shell], bool]

    @property
    def url(self) -> str:
        """Its address."""
        return reverse(self.name)


def _member(shell: Shell) -> bool:
    return bool(shell.workspace)


#: The work of every day.
MAIN: Final = (
    Place("Inbox", "inbox", lambda shell: True),
    Place("Agents", "agents", lambda shell: shell.sees_agents),
    Place("Policy", "policy", lambda shell: shell.reads_policy),
    Place("Schedules", "schedules", _member),
    Place("Numbers", "numbers", lambda shell: shell.counts),
    Place("Log", "log", lambda shell: shell.audits),
)
#: What is set up once and looked after.
ADMINISTRATION: Final = (
    Place("People", "people", lambda shell: shell.administers),
    Place("Endpoints", "endpoints", _member),
    Place("Channels", "channels", lambda shell: shell.administers),
    Place("Keys", "keys", lambda shell: shell.administers),
    Place("Workspace", "workspace_settings", lambda shell: shell.administers),
    Place("Stop", "stop", lambda shell: shell.may_stop),
)
#: One's own.
OWN: Final = (
    Place("Settings", "settings", _member),
    Place("Security", "security", _member),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """The places that somebody is led to."""

    main: tuple[Place, ...]
    administration: tuple[Place, ...]
    own: tuple[Place, ...]

    @property
    def behind(self) -> frozenset[str]:
        """The names of the places that stand in the menu at every width."""
        return frozenset(place.name for place in self.administration)

    @property
    def behind_you(self) -> frozenset[str]:
        """The names of the places that stand in the person's own menu."""
        return frozenset(place.name for place in self.own)


def frame(shell: Shell) -> Frame:
    """The places of this frame."""
    main, administration, own = (
        tuple(place for place in group if place.shown(shell))
        for group in (MAIN, ADMINISTRATION, OWN)
    )
    return Frame(main, administration, own)
