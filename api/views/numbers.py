"""The numbers of a workspace over HTTP, for people who may see all of it, audit or administer."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, answer, signed
from oversight.numbers.access import must_read
from oversight.numbers.answering import numbers
from oversight.numbers.period import Period, period
from oversight.numbers.sections import SECTIONS, Section, counted


class Numbers(PeopleDoor):
    """``/numbers``"""

    def get(self, request: Request) -> HttpResponse:
        """How requests of a period were answered, by role and by hour."""
        who = signed(request)
        must_read(who.reader)
        return answer(request, numbers(workspace=who.reader.workspace_id, of=_period(request)))


class OneSection(PeopleDoor):
    """``/numbers/{section}``, which says itself who may see it."""

    section: Section = next(iter(SECTIONS.values()))

    def get(self, request: Request) -> HttpResponse:
        """What a section counts of a period."""
        reader = signed(request).reader
        return answer(request, counted(self.section, reader=reader, of=_period(request)))


def _period(request: Request) -> Period:
    return period(*(request.query_params.get(name) for name in ("from", "until", "timezone")))
