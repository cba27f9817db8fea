"""What lies ahead: times that nobody covers."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, answer, signed
from api.rehearsal_messages import CoverageShown, RoleCoverageShown
from approvals.present import instant
from approvals.shape import SpanShown
from core.db import pool
from core.problems import bad_query
from people.coverage import DAYS, MOST_DAYS, RoleCoverage, Span
from policies import outlook

_LONGEST: Final = len(str(MOST_DAYS))


class Coverage(PeopleDoor):
    """``/coverage``"""

    def get(self, request: Request) -> HttpResponse:
        """When nobody could decide, and when nobody is on duty, by role."""
        who, days = signed(request), _days(request)
        with pool().connection() as conn:
            begin, until, roles = outlook.ahead(conn, who.here.workspace_id, days=days)
        shown = [_role(role) for role in roles]
        return answer(request, CoverageShown(instant(begin), instant(until), shown))


def _days(request: Request) -> int:
    text = request.query_params.get("days", str(DAYS))
    if (
        text.isascii()
        and text.isdecimal()
        and len(text) <= _LONGEST
        and 1 <= int(text) <= MOST_DAYS
    ):
        return int(text)
    raise bad_query("days", f"A whole number from 1 to {MOST_DAYS}.")


def _role(role: RoleCoverage) -> RoleCoverageShown:
    return RoleCoverageShown(
        role=role.role,
        title=role.title,
        schedule=role.schedule,
        timezone=role.timezone,
        uncovered=[_span(one) for one in role.uncovered],
        off_duty=[_span(one) for one in role.off_duty],
    )


def _span(span: Span) -> SpanShown:
    return SpanShown(instant(span.begin), instant(span.end))
