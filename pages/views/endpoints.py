"""The list of endpoints that a person manages, and the form for another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from callbacks import endpoints
from core import ids
from core.problems import Problem
from oversight import endpoints as access
from pages import flash, once
from pages.endpoint_forms import Typed, faults
from pages.endpoints import decoded, line, offered
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in

#: What the list, and the choice of an agent, hold at most.
MOST_LISTED: Final = 500


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def endpoints_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The endpoints that the visitor manages, and the form for another one."""
    if request.method != "POST":
        return _list(request, visitor, Typed(agent=request.GET.get("agent", "")), status=200)
    typed = Typed.of(request.POST)
    try:
        agent = access.agent_of(reader=visitor.reader, agent=decoded("agt", typed.agent))
        made = endpoints.create(actor=visitor.actor, agent=agent, wanted=typed.wanted())
    except Problem as problem:
        errors = faults(problem)
        if problem.status == 404:
            errors = {"agent": "Choose the agent that is called back."}
        status = 422 if problem.status == 404 else problem.status
        return _list(request, visitor, replace(typed, errors=errors), status=status)
    once.leave(request, made, rotated=False)
    flash.leave(request, "ok", "The endpoint is registered.")
    return SeeOther(reverse("endpoint", args=[ids.encode("end", made.endpoint.id)]))


def _list(request: HttpRequest, visitor: Visitor, typed: Typed, *, status: int) -> HttpResponse:
    only = request.GET.get("agent", "")
    rows = access.listed(reader=visitor.reader, agent=decoded("agt", only) if only else None)
    agents = access.agents_of(reader=visitor.reader, limit=MOST_LISTED)
    now = timezone.now()
    context = {
        "shell": visitor.shell,
        "here": "endpoints",
        "only": only,
        "items": [line(row, now) for row in rows],
        "is_cut": len(rows) == MOST_LISTED,
        "agents": [(ids.encode("agt", agent.id), agent.name) for agent in agents],
        "agents_cut": len(agents) == MOST_LISTED,
        "typed": typed,
        "types": offered(typed.events),
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/endpoints.html", context, status=status)
