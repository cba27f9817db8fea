"""The one-time link that Slack users are shown: it makes a Slack user decide as whoever opens it.

Looking changes nothing: a scanner or a preview that follows the link uses nothing up.  A link that was
used, is over, never was, or is of another workspace shows one and the same page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.problems import Problem
from notifications.slack import binding
from notifications.slack.binding import Offered
from pages import flash
from pages.settings import name_of
from pages.views.showing import SeeOther
from pages.visitor import Visitor, choose, signed_in
from pages.visitor import visitor as visitor_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def unseen(view: View[P]) -> View[P]:
    """Keep the address, which is a secret, out of caches and of every other page's sight."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        # Not "no-referrer": with that, browsers post the form with "Origin: null", which no CSRF check
        # can take. Of this policy the path is no part, wherever one goes.
        response.headers["Referrer-Policy"] = "strict-origin"
        return response

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@unseen
@signed_in
def slack_link_page(request: HttpRequest, visitor: Visitor, token: str) -> HttpResponse:
    """Show what would be connected with what; the POST connects it."""
    offered = binding.offered(token)
    asked = None if offered is None else _in_its_workspace(visitor, offered)
    if offered is None or asked is None:
        return _over(request, visitor)
    if request.method != "POST":
        return _ask(request, asked, offered)
    try:
        binding.bind(actor=asked.actor, person=asked.person, token=token)
    except Problem as problem:
        if problem.status not in (404, 409):
            raise
        return _over(request, visitor)
    choose(request, asked.person)
    name = f"@{offered.user_name}"
    flash.leave(request, "ok", f"{name} in {offered.team} is connected, and decides as you.")
    return SeeOther(reverse("settings"))


def _in_its_workspace(visitor: Visitor, offered: Offered) -> Visitor | None:
    """Who the visitor is in the workspace of the link; None where they are nobody there."""
    for person in visitor.people:
        if person.workspace_id == offered.workspace:
            return visitor_of(visitor.user, person, visitor.people)
    return None


def _ask(request: HttpRequest, visitor: Visitor, offered: Offered) -> HttpResponse:
    here = [
        name_of(one)
        for one in binding.connected(person=visitor.person)
        if one.installation == offered.installation and one.user != offered.user
    ]
    context = {"shell": visitor.shell, "offered": offered, "ends": here}
    return render(request, "pages/slack_link.html", context)


def _over(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    context = {"shell": visitor.shell}
    return render(request, "pages/slack_link_over.html", context, status=410)
