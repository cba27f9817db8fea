"""The views of the inbox that a visitor saved: naming one, and setting them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals import saved_views
from core import ids
from core.problems import Problem
from pages import flash
from pages.choice import Choice
from pages.endpoints import decoded
from pages.searching import chips
from pages.views.problems import told
from pages.views.settings import named
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in

_MOVES: Final[Mapping[str, Callable[[int], int]]] = {
    "earlier": lambda place: place - 1,
    "later": lambda place: place + 1,
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def views_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """All of the visitor's; posting saves one more and leads to it."""
    if request.method != "POST":
        return _page(request, visitor)
    visitor = named(request, visitor)
    name, query = request.POST.get("name", ""), request.POST.get("query", "")
    try:
        made = saved_views.save(actor=visitor.actor, person=visitor.person, name=name, query=query)
    except Problem as problem:
        return _page(request, visitor, problem, typed={"name": name, "query": query})
    flash.leave(request, "ok", f"Saved as “{made.name}”.")
    return SeeOther(Choice.saved(made.query).url("inbox"))


@require_POST
@signed_in
@told
def change_view(request: HttpRequest, visitor: Visitor, viw_id: str) -> HttpResponse:
    """What one of the buttons beside a view does."""
    visitor, view = named(request, visitor), decoded("viw", viw_id)
    do = request.POST.get("do", "")
    if do == "delete":
        saved_views.remove(actor=visitor.actor, person=visitor.person, view=view)
        flash.leave(request, "quiet", "The view is deleted; its requests stay where they are.")
        return SeeOther(reverse("views"))
    try:
        saved_views.change(
            actor=visitor.actor,
            person=visitor.person,
            view=view,
            name=request.POST.get("name", "") if do == "rename" else None,
            default={"default": True, "no_default": False}.get(do),
            place=_MOVES.get(do),
        )
    except Problem as problem:
        return _page(request, visitor, problem)
    return SeeOther(reverse("views"))


def _page(
    request: HttpRequest,
    visitor: Visitor,
    problem: Problem | None = None,
    *,
    typed: Mapping[str, str] | None = None,
) -> HttpResponse:
    found = saved_views.listed(person=visitor.person)
    listed = [
        {
            "id": ids.encode("viw", one.id),
            "name": one.name,
            "url": choice.url("inbox"),
            "chips": chips(choice),
            "is_default": one.is_default,
        }
        for one in found
        for choice in [Choice.saved(one.query)]
    ]
    context = {
        "shell": visitor.shell,
        "here": "inbox",
        "views": listed,
        "most": saved_views.MOST,
        "typed": typed,
        "wrong": _said(problem) if problem else "",
        "flash": None if problem else flash.take(request),
    }
    return render(request, "pages/views.html", context, status=problem.status if problem else 200)


def _said(problem: Problem) -> str:
    return " ".join(fault.detail for fault in problem.errors) or problem.detail
