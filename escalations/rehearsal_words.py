"""A rehearsal in words, for pages and commands."""

from __future__ import annotations

from typing import Final

from approvals.frozen import TELLS
from escalations.acting import NO_CHANNEL
from escalations.cast import Informed, Place
from escalations.rehearsal import Moment

CHANNELS: Final = {"slack": "Slack", "email": "mail", "push": "a browser's notice"}
_ENDS: Final = {
    "expired": "Nobody has decided: it expires",
    "allowed": "Nobody has decided: it is allowed, as the policy says",
    "allowed_by_policy": "The policy allows it: nobody is asked",
    "refused_by_policy": "The policy refuses it: nobody is asked",
    "stands_still": "Its clock stands still while its agent answers; the deadline stays",
}


def said(moment: Moment) -> str:
    """What would happen, as one sentence without its end."""
    if moment.what in _ENDS:
        return _ENDS[moment.what]
    sooner = ", before its time, since nobody has heard" if moment.sooner else ""
    if not moment.skipped:
        return f"{_does(moment)}{sooner}"
    follows = moment.what in TELLS and moment.skipped != NO_CHANNEL
    then = "; the next step is taken at once" if follows else ""
    return f"{_does(moment)}{sooner}: not done, {moment.skipped}{then}"


def _does(moment: Moment) -> str:
    asked = ", ".join(moment.roles)
    match moment.what:
        case "asked":
            return f"Asks {asked}" if moment.roles else "Asks whoever must confirm it"
        case "handover":
            return "Others are there now, and are asked"
        case "remind":
            return "Reminds who has not decided"
        case "notify":
            return f"Tells {_whom(moment)}"
        case "widen":
            return f"Lets {asked or moment.target.removeprefix('role:')} decide as well"
        case "page":
            return f"Calls the pager {moment.target}"
        case "expire":
            return "Meets its deadline early"
        case _:
            return f"The time is up: asks {asked} in their place"


def _whom(moment: Moment) -> str:
    kind, _, name = moment.target.partition(":")
    if kind == "role":
        return moment.roles[0] if moment.roles else name
    if kind == "schedule":
        return f"who is on duty by {name}"
    return moment.people[0].name if moment.people else "the person it names"


def by(one: Informed) -> str:
    """By what somebody is told."""
    if not one.channels:
        return "in the inbox only"
    return "by " + " and ".join(CHANNELS[channel] for channel in one.channels)


def where(place: Place) -> str:
    """A channel of a role's own."""
    return f"the Slack channel {place.name}" if place.channel == "slack" else f"“{place.name}”"


def told_nobody(moment: Moment) -> bool:
    """Whether somebody should hear here, and nobody does."""
    asks = moment.what in ("asked", "one_more", "widen") and not moment.skipped
    return asks and not moment.people and not moment.places
