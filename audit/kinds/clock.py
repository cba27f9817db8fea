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
    """A reviewer gave it more time; ``message`` is the comment that says why."""

    KIND = "request.extended"
    revision: int
    before: str
    expires_at: str
    message: str


class ClockRepaired(Data, frozen=True, kw_only=True):
    """A promise that should have been there was missing, and was written: ``what`` of it, for when."""

    KIND = "clock.repaired"
    what: str
    due_at: str


class DrillStarted(Data, frozen=True, kw_only=True):
    """Messages went out that ask nothing, to see who is reached; ``role`` is empty for all roles."""

    KIND = "drill.started"
    role: str
    people: int
    messages: int


class DrillConfirmed(Data, frozen=True, kw_only=True):
    """Somebody whom a drill was for said that they are there."""

    KIND = "drill.confirmed"


class ScheduleCreated(Data, frozen=True, kw_only=True):
    """The policy declares it; ``source`` says whence it knows who is on duty."""

    KIND = "schedule.created"
    name: str
    source: str


class ScheduleChanged(Data, frozen=True, kw_only=True):
    KIND = "schedule.changed"
    name: str
    source: str


class ScheduleRemoved(Data, frozen=True, kw_only=True):
    """The policy declares it no more: nobody is on duty by it."""

    KIND = "schedule.removed"
    name: str


class ScheduleOverridden(Data, frozen=True, kw_only=True):
    """Somebody is on duty in place of whom the schedule says; the subject is the override."""

    KIND = "schedule.overridden"
    name: str
    person: str
    begins_at: str
    ends_at: str


class ScheduleOverrideCancelled(Data, frozen=True, kw_only=True):
    KIND = "schedule.override_cancelled"
    name: str
    person: str


class ScheduleCalendarRead(Data, frozen=True, kw_only=True):
    """Its calendar says something else than before.  Commits to ``calendar``, its bytes."""

    KIND = "schedule.calendar_read"
    name: str
    source: str
    events: int
    unknown: int


class ScheduleCalendarFailed(Data, frozen=True, kw_only=True):
    """Its calendar cannot be read; what it said last is kept."""

    KIND = "schedule.calendar_failed"
    name: str


class ScheduleCalendarRecovered(Data, frozen=True, kw_only=True):
    KIND = "schedule.calendar_recovered"
    name: str
