"""Whether a choice was made where its plan lets people decide, with proof enough of who made it.

A channel is a place to decide only where it can prove as much as the plan asks for.  Which one a choice
came through, and what that proved, its door says (`approvals.choices`): the API's sessions are ``web``.
Who is signed in is told how to prove more, and may say the same again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from approvals.choices import Choice
from approvals.frozen import FrozenPlan
from core.problems import Problem, forbidden
from policies.assurance import LADDER, PROVES, enough, usable

__all__ = ["LADDER", "PROVES", "Proven", "decided_in", "enough", "more", "places", "unproven"]

#: What is said of a place, after “decide it”.
_PLACES: Final = {"slack": "in Slack", "email": "by e-mail", "web": "on its page"}


@dataclass(frozen=True, slots=True)
class Proven:
    """How surely a door knows who says something, and the revision that a second factor was given for."""

    assurance: str
    revision: int | None = None


def decided_in(plan: FrozenPlan, channel: str) -> bool:
    """Whether people decide there at all."""
    return channel in usable(plan.channels, plan.assurance)


def places(plan: FrozenPlan, here: str | None = None) -> str:
    """Where people decide, in words; `here`: the channel in which that is read."""
    words = [
        "here" if one == here else _PLACES[one] for one in usable(plan.channels, plan.assurance)
    ]
    return " or ".join(words)


def unproven(plan: FrozenPlan, chosen: Choice) -> Problem | None:
    """403 for a choice that came from elsewhere, or proves too little of who made it; 401 where they may prove more."""
    if chosen.channel not in plan.channels:
        place = _PLACES.get(chosen.channel, "here")
        detail = f"This is not decided {place}, but {places(plan)}. Nothing was decided."
        return forbidden(detail, code="channel_not_allowed")
    if not enough(chosen.assurance, plan.assurance):
        if chosen.channel == "web" and chosen.assurance in LADDER:
            return more(plan.assurance)
        detail = (
            f"This takes a surer proof of who decides: decide it {places(plan)}. "
            "Nothing was decided."
        )
        return forbidden(detail, code="assurance_too_low")
    return None


def more(needed: str) -> Problem:
    """401: what a session must prove besides."""
    headers = {"WWW-Authenticate": "Session"}
    if needed == "mfa":
        detail = (
            "This takes a second factor, given for exactly this: send `code` as well, which your authenticator "
            "app shows now, or decide it on its page. Nothing was decided."
        )
        return Problem(401, "second_factor_needed", "Second factor needed", detail, headers=headers)
    detail = (
        "This takes a session that is not older than 12 hours: sign in again, then decide. "
        "Nothing was decided."
    )
    return Problem(401, "sign_in_again", "Sign in again", detail, headers=headers)
