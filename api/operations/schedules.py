"""Schedules: who is on duty, and who is in place of others."""

from __future__ import annotations

from typing import Any, Final

from api.operations.terms import (
    READING,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    named_id,
    query,
)
from people.schedules.overview import DAYS, MOST_DAYS

_NAME: Final[dict[str, Any]] = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "The schedule, as the policy calls it",
    "schema": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,59}$"},
}
_FROM: Final = query("from", "An instant, or a day in the schedule's time zone; default: now")
_DAYS: Final = query(
    "days", "How many days", type="integer", minimum=1, maximum=MOST_DAYS, default=DAYS
)
_SHOWN: Final = Success("The schedule, day by day", "ScheduleDetailShown")
_PERSON: Final = "per_01h455vb4pex5vsknk084sn02q"
_GIVE: Final = {"begins_at": "2026-12-24T08:00:00+01:00", "ends_at": "2026-12-25T08:00:00+01:00"}
_TAKE: Final = {"begins_at": "2026-12-31T08:00:00+01:00", "ends_at": "2027-01-01T08:00:00+01:00"}

SCHEDULES: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/schedules",
        "listSchedules",
        "People",
        "Who is on duty by each schedule",
        "session read",
        {200: Success("All of them, by name", "ScheduleList")},
        READING,
        (WORKSPACE,),
    ),
    Operation(
        "get",
        "/api/v1/schedules/{name}",
        "readSchedule",
        "People",
        "A schedule day by day, with its gaps and overrides",
        "session read",
        {200: _SHOWN},
        (*READING, "NotFound", "Invalid"),
        (_NAME, _FROM, _DAYS, WORKSPACE),
    ),
    Operation(
        "post",
        "/api/v1/schedules/{name}/overrides",
        "overrideSchedule",
        "People",
        "Put somebody on duty in place of whom a schedule says",
        "session",
        {201: _SHOWN},
        (*WRITING, "NotFound", "Conflict"),
        (_NAME, _FROM, _DAYS, WORKSPACE),
        body="OverrideBody",
        example={"person": _PERSON, **_GIVE},
        description="Those whom the schedule is about take shifts, or hand their own to one of them; "
        "administrators override for everybody.",
    ),
    Operation(
        "delete",
        "/api/v1/schedules/{name}/overrides/{id}",
        "cancelOverride",
        "People",
        "Take an override back",
        "session",
        {204: Success("It does not count from now on")},
        (*READING, "NotFound", "Conflict"),
        (_NAME, named_id("ovr", "The override"), WORKSPACE),
    ),
    Operation(
        "post",
        "/api/v1/schedules/{name}/swaps",
        "swapShifts",
        "People",
        "Let two people change places",
        "session",
        {201: _SHOWN},
        (*WRITING, "NotFound", "Conflict"),
        (_NAME, _FROM, _DAYS, WORKSPACE),
        body="SwapBody",
        example={"with": _PERSON, "give": _GIVE, "take": _TAKE},
    ),
    Operation(
        "put",
        "/api/v1/schedules/{name}/ical",
        "uploadCalendar",
        "Administration",
        "Hand a calendar in, in place of the one before",
        "session",
        {200: Success("What it comes to", "CalendarTaken")},
        (*WRITING, "NotFound", "Conflict"),
        (_NAME, WORKSPACE),
        body="CalendarBody",
        example={
            "calendar": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nEND:VCALENDAR\r\n"
        },
    ),
)
