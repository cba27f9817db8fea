"""Schedules over HTTP: read by everybody in the workspace, overridden by whom they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.schedule_messages import (
    CalendarBody,
    CalendarShown,
    CalendarTaken,
    GapShown,
    OverrideBody,
    OverrideShown,
    PersonOnDuty,
    ScheduleDetailShown,
    ScheduleList,
    ScheduleShown,
    SpanShown,
    SwapBody,
)
from approvals.present import instant
from core import ids
from core.db import pool
from core.problems import FieldError, bad_query, forbidden, invalid, not_found
from people.schedules import duty, feeds, overrides
from people.schedules.duty import OnDuty, Span
from people.schedules.overrides import Wanted, Who
from people.schedules.overview import DAYS, MOST_DAYS, Detail, Overview, detail, overviews
from people.schedules.taking import State

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS: Final = range(1990, 2100)


class Schedules(PeopleDoor):
    """``/schedules``"""

    def get(self, request: Request) -> HttpResponse:
        """Who is on duty by each of them."""
        who = signed(request)
        with pool().connection() as conn:
            found = overviews(conn, who.here.workspace_id)
        return answer(
            request, ScheduleList(results=[ScheduleShown(**_shown(one)) for one in found])
        )


class ScheduleDetail(PeopleDoor):
    """``/schedules/{name}``"""

    def get(self, request: Request, name: str) -> HttpResponse:
        """One of them, day by day."""
        who = signed(request)
        return answer(request, _detail(who, name, _window(request, who, name)))


class Overrides(PeopleDoor):
    """``/schedules/{name}/overrides``"""

    def post(self, request: Request, name: str) -> HttpResponse:
        """Put somebody on duty in place of whom it says."""
        who = signed(request)
        window = _window(request, who, name)
        body = body_of(request, OverrideBody)
        wanted = _wanted(_person(body.person, "/person"), body.begins_at, body.ends_at, "")
        overrides.override(
            actor=who.actor,
            workspace=who.here.workspace_id,
            schedule=name,
            wanted=wanted,
            who=_who(who),
        )
        return answer(request, _detail(who, name, window), 201)


class OverrideDetail(PeopleDoor):
    """``/schedules/{name}/overrides/{id}``"""

    def delete(self, request: Request, name: str, override_id: str) -> HttpResponse:
        """Take it back."""
        who = signed(request)
        try:
            override = ids.decode("ovr", override_id)
        except ids.BadId:
            raise not_found() from None
        overrides.cancel(
            actor=who.actor,
            workspace=who.here.workspace_id,
            schedule=name,
            override=override,
            who=_who(who),
        )
        return HttpResponse(status=204)


class Swaps(PeopleDoor):
    """``/schedules/{name}/swaps``"""

    def post(self, request: Request, name: str) -> HttpResponse:
        """Let two people change places."""
        who = signed(request)
        window = _window(request, who, name)
        body = body_of(request, SwapBody)
        giver = who.here.person_id if body.person is None else _person(body.person, "/person")
        other = _person(body.other, "/with")
        overrides.swap(
            actor=who.actor,
            workspace=who.here.workspace_id,
            schedule=name,
            gives=_wanted(other, body.give.begins_at, body.give.ends_at, "/give"),
            takes=_wanted(giver, body.take.begins_at, body.take.ends_at, "/take"),
            who=_who(who),
        )
        return answer(request, _detail(who, name, window), 201)


class Ical(PeopleDoor):
    """``/schedules/{name}/ical``"""

    def put(self, request: Request, name: str) -> HttpResponse:
        """Hand a calendar in."""
        who = signed(request)
        if "administer" not in who.here.permissions:
            _must_be_there(who, name)
            raise forbidden("Calendars are for administrators.", code="not_administrator")
        body = body_of(request, CalendarBody)
        taken = feeds.upload(
            actor=who.actor,
            workspace=who.here.workspace_id,
            schedule=name,
            content=body.calendar.encode(),
        )
        shown = CalendarTaken(
            events=taken.events, unknown=taken.unknown, reaches=instant(taken.reaches)
        )
        return answer(request, shown)


def _who(who: Signed) -> Who:
    return Who(who.here.person_id, administers="administer" in who.here.permissions)


def _must_be_there(who: Signed, name: str) -> ZoneInfo:
    """The time zone of a schedule.

    Raises:
        Problem: 404 there is none of this name.
    """
    with pool().connection() as conn:
        found = duty.spec_of(conn, who.here.workspace_id, name)
    if found is None:
        raise not_found()
    return ZoneInfo(found.timezone)


def _person(text: str, pointer: str) -> UUID:
    try:
        return ids.decode("per", text)
    except ids.BadId as error:
        raise invalid([FieldError(pointer, "bad_id", str(error))]) from error


def _wanted(person: UUID, begins_at: datetime, ends_at: datetime, at: str) -> Wanted:
    for name, said in (("begins_at", begins_at), ("ends_at", ends_at)):
        if said.year not in _YEARS:
            detail = f"From {_YEARS.start} until {_YEARS.stop - 1}."
            raise invalid([FieldError(f"{at}/{name}", "out_of_range", detail)])
    return Wanted(person, begins_at.astimezone(UTC), ends_at.astimezone(UTC), at)


@dataclass(frozen=True, slots=True)
class _Window:
    """The days that are asked for; none begins now."""

    begin: datetime | None
    days: int


def _window(request: Request, who: Signed, name: str) -> _Window:
    """The days that the query asks for: looked at before anything is written.

    Raises:
        Problem: 404 no such schedule; 422 for the query.
    """
    zone = _must_be_there(who, name)
    return _Window(
        _begin(request.query_params.get("from"), zone), _days(request.query_params.get("days"))
    )


def _detail(who: Signed, name: str, window: _Window) -> ScheduleDetailShown:
    with pool().connection() as conn:
        found = detail(conn, who.here.workspace_id, name, begin=window.begin, days=window.days)
    if found is None:
        raise not_found()
    return _detail_shown(found)


def _begin(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if _DAY.fullmatch(text):
            found = datetime.combine(found.date(), time(), zone)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year not in _YEARS:
        raise bad_query("from", "A day such as 2026-03-28, or an instant: 2026-03-28T08:00:00Z.")
    return found.astimezone(UTC)


def _days(text: str | None) -> int:
    if text is None:
        return DAYS
    if not (text.isascii() and text.isdecimal() and len(text) < 3 and 1 <= int(text) <= MOST_DAYS):
        raise bad_query("days", f"A whole number from 1 to {MOST_DAYS}.")
    return int(text)


def _shown(one: Overview) -> dict[str, Any]:
    return {
        "name": one.name,
        "timezone": one.timezone,
        "source": one.source,
        "on_duty": _people(one.on_duty),
        "next_change": _at(one.next_change),
        "gaps": [
            GapShown(begins_at=instant(gap.begin), ends_at=instant(gap.end)) for gap in one.gaps
        ],
    }


def _detail_shown(found: Detail) -> ScheduleDetailShown:
    one = found.overview
    return ScheduleDetailShown(
        **_shown(one),
        begins_at=instant(one.begin),
        ends_at=instant(one.end),
        spans=[_span(span) for span in one.spans],
        overrides=[
            OverrideShown(
                id=ids.encode("ovr", each.id),
                person=PersonOnDuty(id=ids.encode("per", each.person), name=each.name),
                begins_at=instant(each.begins_at),
                ends_at=instant(each.ends_at),
                created_by=ids.encode("per", each.created_by) if each.created_by else None,
                created_at=instant(each.created_at),
            )
            for each in found.overrides
        ],
        calendar=None if found.calendar is None else _calendar(found.calendar, found.place),
        people=sorted(ids.encode("per", each) for each in found.about),
    )


def _calendar(state: State, place: str | None) -> CalendarShown:
    return CalendarShown(
        place=place,
        fetched_at=_at(state.fetched_at),
        reaches=_at(state.reaches),
        events=state.events,
        unknown=state.unknown,
        failed_at=_at(state.failed_at),
        reason=state.reason,
    )


def _span(span: Span) -> SpanShown:
    return SpanShown(
        begins_at=instant(span.begin),
        ends_at=instant(span.end),
        on_duty=_people(span.who),
        override=ids.encode("ovr", span.override) if span.override else None,
    )


def _people(found: tuple[OnDuty, ...]) -> list[PersonOnDuty]:
    return [PersonOnDuty(id=ids.encode("per", one.id), name=one.name) for one in found]


def _at(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
