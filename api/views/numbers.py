"""The numbers of a workspace over HTTP, for people who may see all of it, audit or administer."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, answer, signed
from oversight.numbers import must_read, numbers, period


class Numbers(PeopleDoor):
    """``/numbers``"""

    def get(self, request: Request) -> HttpResponse:
        """How requests of a period were answered, by role and by hour."""
        who = signed(request)
        must_read(who.reader)
        asked = [request.query_params.get(name) for name in ("from", "until", "timezone")]
        return answer(request, numbers(workspace=who.reader.workspace_id, of=period(*asked)))
