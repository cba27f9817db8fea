"""What lies ahead: when nobody could decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core import durations
from core.db import pool
from pages.views.problems import told
from pages.visitor import Visitor, signed_in
from people.coverage import DAYS, RoleCoverage, Span
from policies import outlook


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A time in the clock of its role, and how long it is in words."""

    begin: datetime
    end: datetime
    length: str


@dataclass(frozen=True, slots=True)
class RoleLines:
    """A role as the page shows it."""

    role: RoleCoverage
    uncovered: list[SpanLine]
    off_duty: list[SpanLine]


@require_safe
@signed_in
@told
def coverage_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The next days, role by role."""
    with pool().connection() as conn:
        _, until, roles = outlook.ahead(conn, visitor.reader.workspace_id)
    context = {
        "shell": visitor.shell,
        "here": "schedules",
        "days": DAYS,
        "until": until,
        "roles": [
            RoleLines(one, _lines(one.uncovered, one.timezone), _lines(one.off_duty, one.timezone))
            for one in roles
        ],
    }
    return render(request, "pages/coverage.html", context)


def _lines(spans: Sequence[Span], timezone: str) -> list[SpanLine]:
    zone = ZoneInfo(timezone)
    return [
        SpanLine(one.begin.astimezone(zone), one.end.astimezone(zone), durations.span(one.length))
        for one in spans
    ]
