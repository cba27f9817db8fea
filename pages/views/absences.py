"""What a visitor says of when they are away: plain forms on the settings page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from core.problems import not_found
from notifications import preferences
from pages import flash
from pages.absences import Typed
from pages.endpoints import decoded
from pages.views.problems import told
from pages.views.settings import named, page
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people import absences
from people.errors import Refusal


@require_POST
@signed_in
@told
def declare_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The visitor will be away."""
    visitor = named(request, visitor)
    typed, zone = Typed.of(request.POST), preferences.read(person=visitor.person).timezone
    times = typed.times(zone)
    if times is None:
        return page(request, visitor, away=typed.untold(zone), status=422)
    try:
        declared = absences.declare(
            actor=visitor.actor,
            person=visitor.person,
            begins_at=times[0],
            ends_at=times[1],
            stand_in=absences.stand_in_of(
                workspace=visitor.person.workspace_id, named=typed.stand_in
            ),
        )
    except Refusal as refusal:
        return page(request, visitor, away=typed.refused(refusal), status=422)
    flash.leave(request, "ok", " ".join(["You are away then.", *declared.warnings]))
    return SeeOther(reverse("settings") + "#away")


@require_POST
@signed_in
@told
def end_view(request: HttpRequest, visitor: Visitor, abs_id: str) -> HttpResponse:
    """The visitor is back, or will not be away."""
    visitor = named(request, visitor)
    found = absences.find(
        workspace=visitor.person.workspace_id,
        absence=decoded("abs", abs_id),
        person=visitor.person.id,
    )
    if found is None:
        raise not_found()
    absences.end(actor=visitor.actor, absence=found)
    flash.leave(request, "quiet", "That absence holds no more: you are asked yourself.")
    return SeeOther(reverse("settings") + "#away")
