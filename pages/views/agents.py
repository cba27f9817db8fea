"""The agents that a person sees, and the form for another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.services import create_agent
from core import ids
from core.paging import Page
from core.problems import Problem
from oversight import agents as access
from oversight.access import may_administer, must_administer
from oversight.agents import AgentLine
from pages import flash
from pages.agent_forms import TypedAgent, faults
from pages.agents import FILTERS, line, owners
from pages.views.problems import told
from pages.views.settings import named
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people.errors import Refusal

PAGE: Final = 50
_FIELDS: Final = frozenset({"name", "owner"})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def agents_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The agents, and registering another one."""
    if request.method != "POST":
        return _list(request, visitor, TypedAgent(owner=visitor.user.email), status=200)
    visitor = named(request, visitor)
    must_administer(visitor.reader)
    typed = TypedAgent.of(request.POST)
    workspace = visitor.person.workspace
    try:
        owner = access.person_of(workspace=workspace.id, named=typed.owner)
        made = create_agent(actor=visitor.actor, workspace=workspace, name=typed.name, owner=owner)
    except Refusal as refused:
        return _list(request, visitor, replace(typed, errors=faults(refused, _FIELDS)), status=422)
    flash.leave(request, "ok", "The agent is registered. It needs a key to call with.")
    return SeeOther(f"{reverse('agent', args=[ids.encode('agt', made.id)])}#make-key")


def _list(
    request: HttpRequest, visitor: Visitor, typed: TypedAgent, *, status: int
) -> HttpResponse:
    search, state = request.GET.get("search", "").strip()[:200], request.GET.get("state", "")
    state = state if state in FILTERS else ""
    page = _found(visitor, search, state, request.GET.get("cursor") or None)
    administers = may_administer(visitor.reader)
    context = {
        "shell": visitor.shell,
        "here": "agents",
        "items": [line(one) for one in page.items],
        "search": search,
        "state": state,
        "filters": [
            (_turn(search, key, None), name, key == state) for key, name in FILTERS.items()
        ],
        "next_url": _turn(search, state, page.next) if page.next else "",
        "previous_url": _turn(search, state, page.previous) if page.previous else "",
        "sees_all": access.sees_all(visitor.reader),
        "administers": administers,
        "owners": owners(visitor.person.workspace) if administers else [],
        "typed": typed,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/agents.html", context, status=status)


def _found(visitor: Visitor, search: str, state: str, cursor: str | None) -> Page[AgentLine]:
    """One page of them; a cursor that leads nowhere any more starts at the beginning again."""
    try:
        return access.listed(
            reader=visitor.reader, search=search, state=state or None, cursor=cursor, limit=PAGE
        )
    except Problem:
        if cursor is None:
            raise
        return _found(visitor, search, state, None)


def _turn(search: str, state: str, cursor: str | None) -> str:
    said = (("search", search), ("state", state), ("cursor", cursor))
    kept = {key: value for key, value in said if value}
    return f"{reverse('agents')}{'?' + urlencode(kept) if kept else ''}"
