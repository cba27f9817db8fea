"""Who is away and who stands in: one's own absences, everybody's, and what administrators say for others."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from api.absence_messages import AbsenceBody, AbsenceDeclared, AbsenceList, AbsenceShown
from api.doors import PeopleDoor, Signed, answer, body_of, signed
from approvals.present import instant
from approvals.shape import AgentOwner
from core import ids
from core.problems import forbidden, not_found
from people import absences
from people.absences import Away
from people.models import Person


class MyAbsences(PeopleDoor):
    """``/me/absences``"""

    def get(self, request: Request) -> HttpResponse:
        """When this person is away."""
        who = signed(request)
        return _listed(request, who, who.here.person_id)

    def post(self, request: Request) -> HttpResponse:
        """Say that they will be."""
        who = signed(request)
        return _declare(request, who, who.here.person_id)


class MyAbsence(PeopleDoor):
    """``/me/absences/{id}``"""

    def delete(self, request: Request, absence_id: str) -> HttpResponse:
        """They are back, or it is called off."""
        who = signed(request)
        return _end(who, absence_id, who.here.person_id)


class Absences(PeopleDoor):
    """``/people/absences``"""

    def get(self, request: Request) -> HttpResponse:
        """Everybody's of the workspace."""
        return _listed(request, signed(request))


class AbsenceDetail(PeopleDoor):
    """``/people/absences/{id}``"""

    def delete(self, request: Request, absence_id: str) -> HttpResponse:
        """End anybody's, by an administrator."""
        return _end(_administrator(request), absence_id)


class AbsencesOf(PeopleDoor):
    """``/people/{id}/absences``"""

    def post(self, request: Request, person_id: str) -> HttpResponse:
        """Say that somebody will be away, by an administrator."""
        return _declare(request, _administrator(request), _uuid("per", person_id))


def _administrator(request: Request) -> Signed:
    who = signed(request)
    if "administer" not in who.reader.permissions:
        raise forbidden("Only administrators do this.", code="not_administrator")
    return who


def _listed(request: Request, who: Signed, person: UUID | None = None) -> HttpResponse:
    found = absences.coming(workspace=who.here.workspace_id, person=person)
    return answer(request, AbsenceList(results=[AbsenceShown(**_shown(one)) for one in found]))


def _declare(request: Request, who: Signed, person_id: UUID) -> HttpResponse:
    body = body_of(request, AbsenceBody)
    person = (
        Person.objects.select_related("user", "workspace")
        .filter(id=person_id, workspace_id=who.here.workspace_id)
        .first()
    )
    if person is None:
        raise not_found()
    stand_in = absences.stand_in_of(
        workspace=who.here.workspace_id, named=(body.stand_in or "").strip()
    )
    declared = absences.declare(
        actor=who.actor,
        person=person,
        begins_at=body.begins_at,
        ends_at=body.until,
        stand_in=stand_in,
    )
    made = declared.absence
    shown = Away(
        made.id,
        person.id,
        person.name,
        made.begins_at,
        made.ends_at,
        stand_in.id if stand_in else None,
        stand_in.name if stand_in else None,
    )
    return answer(request, AbsenceDeclared(**_shown(shown), warnings=list(declared.warnings)), 201)


def _end(who: Signed, absence_id: str, person: UUID | None = None) -> HttpResponse:
    found = absences.find(
        workspace=who.here.workspace_id, absence=_uuid("abs", absence_id), person=person
    )
    if found is None or not absences.end(actor=who.actor, absence=found):
        raise not_found()
    return HttpResponse(status=204)


def _shown(one: Away) -> dict[str, Any]:
    stand_in = None
    if one.stand_in is not None:
        stand_in = AgentOwner(ids.encode("per", one.stand_in), one.stand_in_name or "")
    return {
        "id": ids.encode("abs", one.id),
        "person": AgentOwner(ids.encode("per", one.person), one.name),
        "begins_at": instant(one.begins_at),
        "until": instant(one.ends_at),
        "stand_in": stand_in,
    }


def _uuid(prefix: str, text: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        raise not_found() from None
