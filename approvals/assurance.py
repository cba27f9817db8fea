"""Whether a choice was made where its plan lets people decide, with proof enough of who made it.

A channel is a place to decide only where it proves as much as the plan asks for.  Which one a choice
came through, and what that proves, its door says (`approvals.choices`): the API's sessions are ``web``.
"""

from __future__ import annotations

from typing import Final

from approvals.choices import Choice
from approvals.frozen import FrozenPlan
from core.problems import Problem, forbidden
from policies.assurance import LADDER, PROVES, enough, usable

__all__ = ["LADDER", "PROVES", "decided_in", "enough", "places", "unproven"]

#: What is said of a place, after “decide it”.
_PLACES: Final = {"slack": "in Slack", "email": "by e-mail", "web": "on its page"}


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
    """403 for a choice that came from elsewhere, or proves too little of who made it."""
    if chosen.channel not in plan.channels:
        place = _PLACES.get(chosen.channel, "here")
        detail = f"This is not decided {place}, but {places(plan)}. Nothing was decided."
        return forbidden(detail, code="channel_not_allowed")
    if not enough(chosen.assurance, plan.assurance):
        detail = (
            f"This takes a surer proof of who decides: decide it {places(plan)}. "
            "Nothing was decided."
        )
        return forbidden(detail, code="assurance_too_low")
    return None
