"""The list of people and of roles, and the form that invites somebody."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core import ids
from core.problems import not_found
from oversight import people as access
from oversight.access import may_administer
from oversight.invitations import invite
from pages import flash, once
from pages.people import Typed, line, lists, role_card, said_of, turn
from pages.views.problems import told
from pages.views.settings import named
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people import directory, links
from people.directory import WHICH, Which
from people.errors import Refusal


@require_safe
@signed_in
@told
def people_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Who is here; administrators see more, and lead on from each."""
    _may_look(visitor)
    wanted = request.GET.get("which", "active")
    which: Which = wanted if wanted in WHICH else "active"
    search = request.GET.get("q", "").strip()[: directory.MAX_SEARCH]
    found = access.listed(
        reader=visitor.reader,
        which=which,
        search=search,
        cursor=request.GET.get("cursor") or None,
    )
    context = {
        "shell": visitor.shell,
        "here": "people",
        "may_change": may_administer(visitor.reader),
        "lines": [line(one) for one in found.items],
        "which": which,
        "search": search,
        "lists": lists(directory.counts(visitor.reader.workspace_id), which, search),
        "next_url": turn(which, search, found.next) if found.next else None,
        "previous_url": turn(which, search, found.previous) if found.previous else None,
        "flash": flash.take(request),
    }
    return render(request, "pages/people.html", context)


@require_safe
@signed_in
@told
def roles_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Each role with who is in it, and what the policy gives it to decide."""
    _may_look(visitor)
    context = {
        "shell": visitor.shell,
        "here": "people",
        "may_change": may_administer(visitor.reader),
        "roles": [role_card(one) for one in access.roles(reader=visitor.reader)],
    }
    return render(request, "pages/roles.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def invite_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The form, and what it does."""
    if request.method == "POST":
        visitor = named(request, visitor)  # what they may do is asked of the form's workspace
    if not may_administer(visitor.reader):
        raise not_found()
    if request.method != "POST":
        return _form(request, visitor, Typed(), 200)
    typed = Typed.of(request.POST)
    try:
        invited = invite(
            actor=visitor.actor,
            workspace=visitor.person.workspace,
            email=typed.email,
            name=typed.name,
            roles=typed.roles,
            permissions=typed.permissions,
            show=typed.show,
        )
    except Refusal as refusal:
        return _form(request, visitor, typed.refused(refusal), 422)
    shown = ids.encode("per", invited.person.id)
    if invited.made.url:
        once.leave_link(request, shown, invited.made.url)
    name = invited.person.name
    said = said_of(invited.made, name)
    if invited.notice:
        said = f"{name} is a user of this server already, and keeps name and password."
        said += " A mail tells them." if invited.made.mailed else " No mail tells them: do so."
        if not invited.proven:
            said += (
                " Nobody ever proved by mail that this account is of whoever reads that address:"
                " make sure that it is who you mean."
            )
    flash.leave(request, "ok" if invited.proven else "no", said)
    return SeeOther(reverse("person", args=[shown]))


def _form(request: HttpRequest, visitor: Visitor, typed: Typed, status: int) -> HttpResponse:
    context = {
        "shell": visitor.shell,
        "here": "people",
        "typed": typed,
        "roles": [(one.name, one.title) for one in directory.roles(visitor.reader.workspace_id)],
        "permissions": access.PERMISSIONS.items(),
        "sends_mail": links.sends_mail(),
    }
    return render(request, "pages/people_invite.html", context, status=status)


def _may_look(visitor: Visitor) -> None:
    """Whoever may not see who is here is told of no such page."""
    if not access.may_look(visitor.reader):
        raise not_found()
