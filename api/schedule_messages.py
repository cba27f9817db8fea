"""What the API tells and takes of schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field

Instant = Annotated[datetime, Meta(tz=True)]


class OverrideBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /schedules/{name}/overrides``."""

    person: Annotated[str, Meta(description="The id of an active person of the workspace")]
    begins_at: Annotated[Instant, Meta(description="It counts from now at the earliest")]
    ends_at: Annotated[Instant, Meta(description="At most 92 days later")]


class TimeBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A time in which somebody is on duty."""

    begins_at: Instant
    ends_at: Instant


class SwapBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /schedules/{name}/swaps``."""

    other: Annotated[str, Meta(description="The id of whom to change places with")] = field(
        name="with"
    )
    give: Annotated[TimeBody, Meta(description="The time that the other one takes over")]
    take: Annotated[TimeBody, Meta(description="The time of the other one that is taken over")]
    person: Annotated[str, Meta(description="Who gives; default: whoever calls")] | None = None


class CalendarBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PUT /schedules/{name}/ical``."""

    calendar: Annotated[str, Meta(description="The text of a calendar (RFC 5545)")]


class PersonOnDuty(Struct, frozen=True, kw_only=True):
    """Somebody on duty."""

    id: str
    name: str


class SpanShown(Struct, frozen=True, kw_only=True):
    """A time in which the same people are on duty; nobody: a gap."""

    begins_at: str
    ends_at: str
    on_duty: list[PersonOnDuty]
    override: Annotated[str | None, Meta(description="The override that says so")]


class GapShown(Struct, frozen=True, kw_only=True):
    """A time in which nobody is on duty."""

    begins_at: str
    ends_at: str


class OverrideShown(Struct, frozen=True, kw_only=True):
    """An override that counts."""

    id: str
    person: PersonOnDuty
    begins_at: str
    ends_at: str
    created_by: Annotated[str | None, Meta(description="null: an operator at the machine")]
    created_at: str


class CalendarShown(Struct, frozen=True, kw_only=True):
    """How the calendar of a schedule fares."""

    place: Annotated[str | None, Meta(description="Where it is read; null: people hand it in")]
    fetched_at: str | None
    reaches: Annotated[str | None, Meta(description="Until when it was worked out")]
    events: Annotated[int, Meta(description="How many times somebody is on duty by it")]
    unknown: Annotated[int, Meta(description="How many of its names are nobody's here")]
    failed_at: Annotated[str | None, Meta(description="Since when it cannot be read")]
    reason: str


class ScheduleShown(Struct, frozen=True, kw_only=True):
    """A schedule, and who is on duty now."""

    name: str
    timezone: str
    source: Annotated[str, Meta(description="`shifts`, `url` or `uploaded`")]
    on_duty: list[PersonOnDuty]
    next_change: Annotated[str | None, Meta(description="null: not within 60 days")]
    gaps: list[GapShown]


class ScheduleList(Struct, frozen=True, kw_only=True):
    """All schedules, by name."""

    results: list[ScheduleShown]


class ScheduleDetailShown(ScheduleShown, frozen=True, kw_only=True):
    """A schedule with all there is to see of it."""

    begins_at: str
    ends_at: str
    spans: list[SpanShown]
    overrides: list[OverrideShown]
    calendar: CalendarShown | None
    people: Annotated[list[str], Meta(description="The ids of those whom it is about")]


class CalendarTaken(Struct, frozen=True, kw_only=True):
    """What a calendar that was handed in comes to."""

    events: int
    unknown: int
    reaches: str
