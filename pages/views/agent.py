"""One agent: what was seen of it, its keys, what it asked, and what its administrators do with it.

Looking changes nothing.  Everything else is a POST of a plain form that leads back with GET; a refusal
shows the page as it stands now, and says that nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from agents.models import Agent
from agents.services import change_owner, create_key
from approvals import by_agent
from core import ids
from core.problems import Problem
from oversight import agents as access
from oversight import endpoints
from oversight.access import may_administer
from oversight.agents import AgentLine
from pages import flash, once
from pages.agent_forms import TypedAgent, TypedKey, faults
from pages.agents import LASTS, Line, key_line, line, owners, scopes
from pages.endpoints import decoded
from pages.endpoints import line as endpoint_line
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in, whichever
from people.errors import Refusal

#: Keys, requests and runs that the page lists.
MOST_KEYS: Final = 100
MOST_LISTED: Final = 10
_KEY_FIELDS: Final = frozenset({"scopes", "lasts", "rate_limit"})

View = Callable[..., HttpResponseBase]
#: Does it; (tone, what was done, where that is seen), the last empty for the agent's own page.
Act = Callable[[HttpRequest, Visitor, Agent], tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Said:
    """What the page of an agent has to say about what was just tried."""

    status: int = 200
    wrong: str = ""
    #: What was typed into the form that was refused.
    key: TypedKey | None = None
    owner: TypedAgent | None = None


@require_safe
@signed_in
@told
def agent_page(request: HttpRequest, visitor: Visitor, agt_id: str) -> HttpResponse:
    """One agent."""
    visitor, found = _locate(request, visitor, agt_id)
    return _page(request, visitor, found, Said())


def _page(request: HttpRequest, visitor: Visitor, found: AgentLine, said: Said) -> HttpResponse:
    one, reader, agent = line(found), visitor.reader, found.row.id
    keys = access.keys(reader=reader, agent=agent, cursor=None, limit=MOST_KEYS)
    listed = [key_line(row) for row in keys.items]
    administers = may_administer(reader)
    manages = administers or found.row.owner_id == reader.person_id
    typed = said.key or TypedKey()
    context: dict[str, Any] = {
        "shell": visitor.shell,
        "here": "agents",
        "one": one,
        "days": by_agent.DAYS,
        "administers": administers,
        "may_stop": manages and one.state != "retired",
        "versions": access.versions(found),
        "keys": [key for key in listed if key.state == "active"],
        "ended": [key for key in listed if key.state != "active"],
        "keys_cut": keys.next is not None,
        "requests": [
            (ids.encode("req", each.id), each, "waits" if each.status == "pending" else each.status)
            for each in by_agent.newest_requests(reader=reader, agent=agent, most=MOST_LISTED)
        ],
        "runs": [
            (ids.encode("run", each.id), each)
            for each in by_agent.newest_runs(reader=reader, agent=agent, most=MOST_LISTED)
        ],
        "manages": manages,
        "endpoints": [
            endpoint_line(row, timezone.now())
            for row in (endpoints.listed(reader=reader, agent=agent) if manages else [])
        ],
        "typed": typed,
        "scopes": scopes(typed.scopes),
        "lasts": LASTS,
        "key_open": said.key is not None or not listed,
        "owner": said.owner or TypedAgent(),
        "owners": owners(visitor.person.workspace) if administers else [],
        "wrong": said.wrong,
        "flash": flash.take(request) if said.status == 200 else None,
    }
    return render(request, "pages/agent.html", context, status=said.status)


def _there(one: Agent | Line) -> str:
    shown = one.id if isinstance(one, Line) else ids.encode("agt", one.id)
    return reverse("agent", args=[shown])


def _locate(request: HttpRequest, visitor: Visitor, text: str) -> tuple[Visitor, AgentLine]:
    """The agent, in whichever of the visitor's workspaces it is.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    agent = decoded("agt", text)
    return whichever(request, visitor, lambda reader: access.one(reader=reader, agent=agent))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def retire_view(request: HttpRequest, visitor: Visitor, agt_id: str) -> HttpResponse:
    """Ask once more, and then retire the agent."""
    visitor, found = _locate(request, visitor, agt_id)
    agent = access.managed(reader=visitor.reader, agent=found.row.id)
    if request.method == "POST" and request.POST.get("sure") == "yes":
        access.set_state(actor=visitor.actor, agent=agent, state=Agent.State.RETIRED)
        said = "The agent is retired: it submits nothing any more, and gets no other key."
        flash.leave(request, "quiet", said)
        return SeeOther(_there(agent))
    if agent.state == Agent.State.RETIRED:
        return SeeOther(_there(agent))
    context = {"shell": visitor.shell, "here": "agents", "one": line(found)}
    return render(request, "pages/agent_retire.html", context)


def _keys(request: HttpRequest, visitor: Visitor, agent: Agent) -> tuple[str, str, str]:
    typed = TypedKey.of(request.POST)
    made = create_key(
        actor=visitor.actor,
        agent=agent,
        scopes=typed.scopes,
        expires_in=typed.expires_in(),
        rate_limit=typed.limit(),
    )
    key = ids.encode("key", made.key.id)
    once.leave_key(request, key, made.token)
    return "ok", "The key is made.", reverse("key", args=[key])


def _owner(request: HttpRequest, visitor: Visitor, agent: Agent) -> tuple[str, str, str]:
    typed = TypedAgent.of(request.POST)
    owner = access.person_of(workspace=agent.workspace_id, named=typed.owner)
    if not change_owner(actor=visitor.actor, agent=agent, owner=owner):
        return "quiet", "They answer for it already: nothing was changed.", ""
    return (
        "ok",
        f"{owner.name} answers for it from now on, and decides on none of its requests.",
        "",
    )


def _suspend(request: HttpRequest, visitor: Visitor, agent: Agent) -> tuple[str, str, str]:
    if not access.set_state(actor=visitor.actor, agent=agent, state=Agent.State.SUSPENDED):
        return "quiet", "It was suspended already.", ""
    return "quiet", "The agent is suspended: it submits nothing. What waits goes on waiting.", ""


def _resume(request: HttpRequest, visitor: Visitor, agent: Agent) -> tuple[str, str, str]:
    if not access.set_state(actor=visitor.actor, agent=agent, state=Agent.State.ACTIVE):
        return "quiet", "It was active already.", ""
    return "ok", "The agent may act again.", ""


def _view(name: str, act: Act) -> View:
    @require_http_methods(["GET", "HEAD", "POST"])
    @signed_in
    @told
    def view(request: HttpRequest, visitor: Visitor, agt_id: str) -> HttpResponse:
        visitor, found = _locate(request, visitor, agt_id)
        if request.method != "POST":
            return SeeOther(_there(line(found)))
        agent = access.managed(reader=visitor.reader, agent=found.row.id)
        try:
            tone, text, there = act(request, visitor, agent)
        except (Problem, Refusal) as refused:
            return _page(request, visitor, found, _refused(request, name, refused))
        flash.leave(request, tone, text)
        return SeeOther(there or _there(agent))

    return view


def _refused(request: HttpRequest, name: str, refused: Problem | Refusal) -> Said:
    status = refused.status if isinstance(refused, Problem) else 422
    if name == "agent_keys":
        errors = faults(refused, _KEY_FIELDS)
        typed = replace(TypedKey.of(request.POST), errors=errors)
        return Said(status, "No key was made.", key=typed)
    if name == "agent_owner":
        errors = faults(refused, frozenset({"owner"}))
        return Said(status, "", owner=replace(TypedAgent.of(request.POST), errors=errors))
    detail = refused.detail if isinstance(refused, Problem) else str(refused)
    return Said(status, f"{detail} Nothing was changed.")


#: The views by the names of their addresses.
VIEWS: Final[dict[str, View]] = {
    name: _view(name, act)
    for name, act in (
        ("agent_keys", _keys),
        ("agent_owner", _owner),
        ("agent_suspend", _suspend),
        ("agent_resume", _resume),
    )
}
