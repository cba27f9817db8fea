"""What the clock does while nobody decides, and who is on duty: escalations, schedules, absences."""

from __future__ import annotations

from audit.kinds.base import Data


class EscalationStepped(Data, frozen=True, kw_only=True):
    """A step of an escalation was taken (``fired``), or passed over; ``cause`` says what made it due."""

    KIND = "escalation.stepped"
    revision: int
    stage: int
    step: int
    does: str
    target: str
    state: str
    cause: str
    reason: str
    due_at: str
    told: int


class EscalationUndelivered(Data, frozen=True, kw_only=True):
    """Nothing of what a step sent could be delivered; the next step is taken instead."""

    KIND = "escalation.undelivered"
    revision: int
    stage: int
    step: int


class RequestExtended(Data, frozen=True, kw_only=True):
    """A reviewer gave it more time.  Commits to ``reason``."""

    KIND = "request.extended"
    revision: int
    before: str
    expires_at: str


class ClockRepaired(Data, frozen=True, kw_only=True):
    """A promise that should have been there was missing, and was written: ``what`` of it, for when."""

    KIND = "clock.repaired"
    what: str
    due_at: str
