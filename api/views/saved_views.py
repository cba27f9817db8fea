"""The views of the inbox that people save."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.view_messages import SavedViewBody, SavedViewList, SavedViewPatch, SavedViewShown
from approvals import saved_views
from approvals.models import SavedView
from core import ids
from core.problems import not_found
from people.models import Person


class MyViews(PeopleDoor):
    """``/me/views``"""

    def get(self, request: Request) -> HttpResponse:
        """This person's, in their own order."""
        found = saved_views.listed(person=_person(signed(request)))
        return answer(request, SavedViewList(results=[_shown(one) for one in found]))

    def post(self, request: Request) -> HttpResponse:
        """Name a part of the inbox."""
        who, body = signed(request), body_of(request, SavedViewBody)
        made = saved_views.save(
            actor=who.actor,
            person=_person(who),
            name=body.name,
            query=body.query,
            default=body.default,
        )
        return answer(request, _shown(made), 201)


class MyView(PeopleDoor):
    """``/me/views/{id}``"""

    def patch(self, request: Request, view_id: str) -> HttpResponse:
        """Rename it, move it, change what it shows, or open the inbox with it."""
        who, body = signed(request), body_of(request, SavedViewPatch)
        wanted = body.position
        changed = saved_views.change(
            actor=who.actor,
            person=_person(who),
            view=_uuid(view_id),
            name=body.name,
            query=body.query,
            default=body.default,
            place=None if wanted is None else lambda _: wanted,
        )
        return answer(request, _shown(changed))

    def delete(self, request: Request, view_id: str) -> HttpResponse:
        """Delete it."""
        who = signed(request)
        saved_views.remove(actor=who.actor, person=_person(who), view=_uuid(view_id))
        return HttpResponse(status=204)


def _person(who: Signed) -> Person:
    return Person.objects.select_related("user", "workspace").get(id=who.here.person_id)


def _uuid(text: str) -> UUID:
    try:
        return ids.decode("viw", text)
    except ids.BadId:
        raise not_found() from None


def _shown(one: SavedView) -> SavedViewShown:
    return SavedViewShown(
        id=ids.encode("viw", one.id),
        name=one.name,
        query=one.query,
        default=one.is_default,
        position=one.position,
    )
