"""One person, for administrators: what they hold, what hangs on them, and changing it.

Looking changes nothing.  Everything else is a POST of a plain form that leads back with GET.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core import ids
from core.problems import Problem, conflict, not_found
from notifications.push import subscriptions
from notifications.slack import binding
from oversight import people as access
from oversight.access import may_administer
from pages import flash, once
from pages.endpoints import decoded
from pages.people import line, permits, role_lines, said_of
from pages.settings import name_of
from pages.templatetags.assentry import bare
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people import directory, errors, invitations, links, resets
from people.links import Made
from people.models import Person
from people.permissions import permissions_of
from people.services import deactivate_person, reactivate_person, rename_person

View = Callable[..., HttpResponseBase]
#: Does it; (tone, what was done).
Act = Callable[[HttpRequest, Visitor, Person], tuple[str, str]]


@require_safe
@signed_in
@told
def person_page(request: HttpRequest, visitor: Visitor, per_id: str) -> HttpResponse:
    """Everything about one person."""
    return _page(request, visitor, per_id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def deactivate_page(request: HttpRequest, visitor: Visitor, per_id: str) -> HttpResponse:
    """Say what it means, and then do it."""
    person = _person(visitor, per_id)
    wrong = ""
    if request.method == "POST" and request.POST.get("sure") == "yes":
        try:
            deactivate_person(actor=visitor.actor, person=person)
        except errors.LastAdministrator as error:
            wrong = str(error)
        else:
            flash.leave(request, "quiet", f"{person.name} can do nothing here any more.")
            if person.id == visitor.person.id:
                return SeeOther(reverse("inbox"))
            return SeeOther(reverse("person", args=[per_id]))
    found = access.one(reader=visitor.reader, person=person.id)
    if not found.entry.acts:
        return SeeOther(reverse("person", args=[per_id]))
    context = {
        "shell": visitor.shell,
        "here": "people",
        "one": line(found),
        "entry": found.entry,
        "hanging": access.hanging(reader=visitor.reader, found=found),
        "wrong": wrong,
    }
    status = 409 if wrong else 200
    return render(request, "pages/person_deactivate.html", context, status=status)


def _page(
    request: HttpRequest, visitor: Visitor, per_id: str, wrong: str = "", status: int = 200
) -> HttpResponse:
    if not may_administer(visitor.reader):
        raise not_found()
    found = access.one(reader=visitor.reader, person=decoded("per", per_id))
    person = Person.objects.select_related("user").get(id=found.entry.id)
    held = {one.name for one in found.entry.roles if one.source == "manual"}
    connected = binding.connected(person=person)
    context = {
        "shell": visitor.shell,
        "here": "people",
        "one": line(found),
        "entry": found.entry,
        # What hides in a name is no good to begin from: no name with it would be taken.
        "plain": bare(found.entry.name) == found.entry.name,
        "is_me": person.id == visitor.person.id,
        "roles": role_lines(found.entry.roles),
        "others": [
            (one.name, one.title)
            for one in directory.roles(visitor.reader.workspace_id)
            if one.name not in held
        ],
        "permits": permits(found),
        "hanging": access.hanging(reader=visitor.reader, found=found),
        "connected": [
            {"id": ids.encode("slu", one.id), "name": name_of(one), "of": one} for one in connected
        ],
        "browsers": len(subscriptions.subscriptions(person=person)),
        "sends_mail": links.sends_mail(),
        "link": once.take_link(request, per_id) if status == 200 else None,
        "wrong": wrong,
        "flash": flash.take(request) if status == 200 else None,
    }
    response = render(request, "pages/person.html", context, status=status)
    if context["link"]:
        response.headers["Cache-Control"] = "no-store"
    return response


def _person(visitor: Visitor, per_id: str) -> Person:
    """Whom the visitor changes; who may not is told of no such person."""
    if not may_administer(visitor.reader):
        raise not_found()
    return access.person_of(reader=visitor.reader, person=decoded("per", per_id))


def _grant(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    return _role(request, visitor, person, held=True)


def _revoke(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    return _role(request, visitor, person, held=False)


def _role(request: HttpRequest, visitor: Visitor, person: Person, *, held: bool) -> tuple[str, str]:
    access.set_role(
        actor=visitor.actor,
        reader=visitor.reader,
        person=person,
        role=request.POST.get("role", ""),
        held=held,
    )
    return (
        ("ok", "The role is given, from now on.") if held else ("quiet", "The role is taken back.")
    )


def _give(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    return _permission(request, visitor, person, held=True)


def _take(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    return _permission(request, visitor, person, held=False)


def _permission(
    request: HttpRequest, visitor: Visitor, person: Person, *, held: bool
) -> tuple[str, str]:
    access.set_permission(
        actor=visitor.actor,
        reader=visitor.reader,
        person=person,
        permission=request.POST.get("permission", ""),
        held=held,
    )
    if held:
        return "ok", "The permission is given, from now on."
    return "quiet", "The permission is taken, from now on."


def _rename(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    rename_person(actor=visitor.actor, person=person, name=request.POST.get("name", ""))
    return "ok", "That is their name now, everywhere."


def _reset(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    if not person.active:
        raise conflict("person_inactive", f"{person.name} is not active: activate them first.")
    made = resets.send(actor=visitor.actor, person=person, show="show" in request.POST)
    return _shown(request, person, made)


def _again(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    made = invitations.invite_again(actor=visitor.actor, person=person, show="show" in request.POST)
    return _shown(request, person, made)


def _shown(request: HttpRequest, person: Person, made: Made) -> tuple[str, str]:
    if made.url:
        once.leave_link(request, ids.encode("per", person.id), made.url)
    return ("ok" if made.mailed or made.url else "no"), said_of(made, person.name)


def _withdraw(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    invitations.take_back(actor=visitor.actor, person=person)
    return "quiet", "The invitation is taken back: its link opens nothing any more."


def _activate(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    reactivate_person(actor=visitor.actor, person=person)
    return "ok", f"{person.name} may act again. Roles that were given by hand are not back."


def _unbind(request: HttpRequest, visitor: Visitor, person: Person) -> tuple[str, str]:
    slack = decoded("slu", request.POST.get("binding", ""))
    binding.unbind(actor=visitor.actor, person=person, binding=slack)
    return "quiet", "The Slack user is disconnected: it decides as them no more."


def _view(act: Act) -> View:
    @require_http_methods(["GET", "HEAD", "POST"])
    @signed_in
    @told
    def view(request: HttpRequest, visitor: Visitor, per_id: str) -> HttpResponse:
        person = _person(visitor, per_id)
        if request.method != "POST":
            return SeeOther(reverse("person", args=[per_id]))
        try:
            tone, text = act(request, visitor, person)
        except errors.Refusal as refusal:
            return _page(request, visitor, per_id, str(refusal), 422)
        except Problem as problem:
            if problem.status == 404:
                raise
            return _page(request, visitor, per_id, problem.detail, problem.status)
        flash.leave(request, tone, text)
        left = person.id == visitor.person.id and "administer" not in permissions_of(
            visitor.user, visitor.person.workspace
        )
        return SeeOther(reverse("inbox") if left else reverse("person", args=[per_id]))

    return view


#: The views that change one person, by their names.
VIEWS: Final[dict[str, View]] = {
    f"person_{name}": _view(act)
    for name, act in (
        ("grant", _grant),
        ("revoke", _revoke),
        ("give", _give),
        ("take", _take),
        ("rename", _rename),
        ("reset", _reset),
        ("again", _again),
        ("withdraw", _withdraw),
        ("activate", _activate),
        ("unbind", _unbind),
    )
}
