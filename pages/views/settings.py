"""What people set for themselves: how they are told, their Slack users, their browsers.

Plain forms, each a POST that leads back with GET.  Each names its workspace, so that a tab that was left
open sets nothing in another one.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core import ids
from core.problems import Problem, not_found
from notifications import preferences
from notifications.push import subscriptions
from notifications.slack import binding
from pages import absences, flash
from pages.endpoints import decoded
from pages.settings import DIGESTS, Typed, is_new, name_of, roles_say, shown, ways, words
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, choose, signed_in
from pages.visitor import visitor as visitor_of
from people.sso import flow, identities


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def settings_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The page, and what its form sets."""
    if request.method != "POST":
        return page(request, visitor)
    visitor = named(request, visitor)
    typed = Typed.of(request.POST)
    before = preferences.read(person=visitor.person)
    try:
        preferences.set_(actor=visitor.actor, person=visitor.person, wanted=typed.wanted(before))
    except Problem as problem:
        return page(request, visitor, typed.refused(problem), status=problem.status)
    flash.leave(request, "ok", "From now on you are told so.")
    return SeeOther(reverse("settings"))


@require_POST
@signed_in
@told
def disconnect_view(request: HttpRequest, visitor: Visitor, slu_id: str) -> HttpResponse:
    """Let a Slack user decide as the visitor no more."""
    visitor = named(request, visitor)
    binding.unbind(actor=visitor.actor, person=visitor.person, binding=decoded("slu", slu_id))
    flash.leave(request, "quiet", "The Slack user is disconnected: it decides as you no more.")
    return SeeOther(reverse("settings"))


@require_POST
@signed_in
@told
def remove_view(request: HttpRequest, visitor: Visitor, psh_id: str) -> HttpResponse:
    """Notify the visitor in a browser no more."""
    visitor = named(request, visitor)
    subscriptions.unsubscribe(
        actor=visitor.actor, person=visitor.person, subscription=decoded("psh", psh_id)
    )
    flash.leave(request, "quiet", "You are not notified in that browser any more.")
    return SeeOther(reverse("settings"))


def named(request: HttpRequest, visitor: Visitor) -> Visitor:
    """Who the visitor is in the workspace that the form was shown for; it is then looked at.

    Raises:
        Problem: 404 where it is none of theirs.
    """
    slug = request.POST.get("workspace", "")
    for person in visitor.people:
        if person.workspace.slug == slug:
            choose(request, person)
            return visitor_of(visitor.user, person, visitor.people)
    raise not_found()


def page(
    request: HttpRequest,
    visitor: Visitor,
    typed: Typed | None = None,
    *,
    away: absences.Typed | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page as it stands, or as something typed into one of its forms was refused."""
    person = visitor.person
    stands = preferences.read(person=person)
    connected = binding.connected(person=person)
    browsers = subscriptions.subscriptions(person=person)
    context = {
        "shell": visitor.shell,
        "here": "settings",
        "typed": typed or Typed.stored(stands),
        "is_new": typed is None and is_new(stands),
        "ways": ways(person, stands, connected, browsers),
        "roles": roles_say(person),
        "usually": words(("slack", "email", "push")),
        "zones": preferences.zones(),
        "digests": DIGESTS,
        "connected": [
            {"id": ids.encode("slu", one.id), "name": name_of(one), "of": one} for one in connected
        ],
        "browsers": shown(browsers),
        "away": away or absences.Typed(),
        "absences": absences.mine(person, timezone.now(), stands.timezone),
        "in_place_of": absences.others(person),
        "stand_ins": absences.stand_ins(person),
        "zone": stands.timezone,
        "public_key": subscriptions.public_key(),
        "provider": flow.configured(),
        "identity": identities.of_user(visitor.user),
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/settings.html", context, status=status)
