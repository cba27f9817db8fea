"""What was decided before."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, answer, signed
from api.hot import request_uuid
from api.past_messages import BeforeShown, SimilarShown
from approvals import read
from approvals.present import instant
from approvals.similar import Before, similar
from core import ids


class Similar(PeopleDoor):
    """``/requests/{id}/similar``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """What people decided before on requests of the same agent and action."""
        who, subject = signed(request), request_uuid(request_id)
        row = read.for_person(reader=who.reader, request_id=subject)
        found = similar(reader=who.reader, row=row)
        nearest = [_before(one) for one in found.nearest]
        return answer(request, SimilarShown(dict(found.counts), nearest))


def _before(one: Before) -> BeforeShown:
    return BeforeShown(
        ids.encode("req", one.id),
        one.title,
        one.status,
        one.permit,
        instant(one.ended_at),
        list(one.by),
        list(one.same),
    )
