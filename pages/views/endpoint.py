"""One endpoint: how it fares, what was to be delivered there, and what its people do with it.

Looking changes nothing.  Everything else is a POST of a plain form that leads back with GET; a refusal
shows the page as it stands now, and says that nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from approvals import words
from callbacks import endpoints, lines, lists
from callbacks.endpoints import Wanted
from callbacks.lists import EndpointRow
from callbacks.models import Callback, Endpoint
from core import ids
from core.paging import Page
from core.problems import Problem
from oversight import endpoints as access
from pages import flash, once
from pages.endpoint_forms import Again, Typed, faults
from pages.endpoints import FILTERS, decoded, delivery, line, offered
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in, whichever

#: What one page of deliveries holds.
PAGE: Final = 50

View = Callable[..., HttpResponseBase]
#: Does it; (tone, what was done, where that is seen), the last empty for the endpoint's own page.
Act = Callable[[HttpRequest, Visitor, Endpoint], tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Said:
    """What the page of an endpoint has to say about what was just tried."""

    status: int = 200
    wrong: str = ""
    #: What was typed into the form that was refused.
    events: Typed | None = None
    again: Again | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@require_safe
@signed_in
@told
def endpoint_page(request: HttpRequest, visitor: Visitor, end_id: str) -> HttpResponse:
    """One endpoint with what was to be delivered there."""
    visitor, row = _locate(request, visitor, end_id)
    return _page(request, visitor, row, Said())


def _page(request: HttpRequest, visitor: Visitor, row: EndpointRow, said: Said) -> HttpResponse:
    endpoint = access.managed(reader=visitor.reader, endpoint=row.id)
    shown = line(row, timezone.now())
    group = request.GET.get("show", "")
    group = group if group in FILTERS else ""
    page = _deliveries(endpoint, group, request.GET.get("cursor") or None)
    events = said.events or Typed(which="some" if row.events else "all", events=tuple(row.events))
    context = {
        "shell": visitor.shell,
        "here": "endpoints",
        "one": shown,
        "row": row,
        "public_key": row.public_keys[0] if row.public_keys else "",
        "wrong": said.wrong,
        "typed": events,
        "events_open": said.events is not None,
        "types": offered(events.events),
        "again": said.again or Again(),
        "again_open": said.again is not None,
        "errors": said.errors,
        "filters": [
            (_turn(row.id, key, None), name, key == group) for key, name in FILTERS.items()
        ],
        "deliveries": [delivery(callback) for callback in page.items],
        "sees_requests": row.owner_id == visitor.reader.person_id or visitor.reader.sees_all,
        "next_url": _turn(row.id, group, page.next) if page.next else "",
        "previous_url": _turn(row.id, group, page.previous) if page.previous else "",
        "once": once.take(request, shown.id),
        "flash": flash.take(request) if said.status == 200 else None,
    }
    return render(request, "pages/endpoint.html", context, status=said.status)


def _deliveries(endpoint: Endpoint, group: str, cursor: str | None) -> Page[Callback]:
    """One page of them; a cursor that leads nowhere any more starts at the beginning again."""
    try:
        return lists.callbacks(endpoint=endpoint, group=group or None, cursor=cursor, limit=PAGE)
    except Problem:
        if cursor is None:
            raise
        return _deliveries(endpoint, group, None)


def _turn(endpoint: UUID, group: str, cursor: str | None) -> str:
    said = {key: value for key, value in (("show", group), ("cursor", cursor)) if value}
    return f"{_there(endpoint)}{'?' + urlencode(said) if said else ''}#deliveries"


def _there(endpoint: UUID) -> str:
    return reverse("endpoint", args=[ids.encode("end", endpoint)])


def _locate(request: HttpRequest, visitor: Visitor, text: str) -> tuple[Visitor, EndpointRow]:
    """The endpoint, in whichever of the visitor's workspaces it is.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    endpoint = decoded("end", text)
    return whichever(
        request, visitor, lambda reader: access.row_of(reader=reader, endpoint=endpoint)
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def delete_view(request: HttpRequest, visitor: Visitor, end_id: str) -> HttpResponse:
    """Ask once more, and then take the endpoint away."""
    visitor, row = _locate(request, visitor, end_id)
    if request.method == "POST" and request.POST.get("sure") == "yes":
        endpoint = access.managed(reader=visitor.reader, endpoint=row.id)
        endpoints.delete(actor=visitor.actor, endpoint=endpoint)
        flash.leave(request, "quiet", "The endpoint is deleted. Nothing is sent there any more.")
        return SeeOther(reverse("endpoints"))
    context = {
        "shell": visitor.shell,
        "here": "endpoints",
        "one": line(row, timezone.now()),
    }
    return render(request, "pages/endpoint_delete.html", context)


def _rotate(request: HttpRequest, visitor: Visitor, endpoint: Endpoint) -> tuple[str, str, str]:
    once.leave(request, endpoints.rotate(actor=visitor.actor, endpoint=endpoint), rotated=True)
    return "ok", "The endpoint has a new secret.", ""


def _test(request: HttpRequest, visitor: Visitor, endpoint: Endpoint) -> tuple[str, str, str]:
    callback = ids.encode("cbk", lines.test(endpoint=endpoint.id))
    said = "A test is on its way. Reload this page to see what came of it."
    return "quiet", said, reverse("delivery", args=[callback])


def _enable(request: HttpRequest, visitor: Visitor, endpoint: Endpoint) -> tuple[str, str, str]:
    if not lines.enable(actor=visitor.actor, endpoint=endpoint.id):
        return "quiet", "It was enabled already.", ""
    return "ok", "The endpoint is called again. What was held waits until you send it again.", ""


def _disable(request: HttpRequest, visitor: Visitor, endpoint: Endpoint) -> tuple[str, str, str]:
    if not lines.disable(actor=visitor.actor, endpoint=endpoint.id):
        return "quiet", "It was disabled already.", ""
    return "quiet", "The endpoint is called no more. What would be sent is held meanwhile.", ""


def _events(request: HttpRequest, visitor: Visitor, endpoint: Endpoint) -> tuple[str, str, str]:
    wanted = Typed.of(request.POST).chosen()
    if sorted(set(wanted)) == list(endpoint.events):
        return "quiet", "It gets these already: nothing was changed.", ""
    endpoints.change(actor=visitor.actor, endpoint=endpoint, wanted=Wanted(events=wanted))
    return "ok", "From now on it gets what you chose.", ""


def _replay(request: HttpRequest, visitor: Visitor, endpoint: Endpoint) -> tuple[str, str, str]:
    which, since = Again.of(request.POST).read()
    count = lines.replay_all(actor=visitor.actor, endpoint=endpoint.id, which=which, since=since)
    if not count:
        return "quiet", "There is nothing like that: nothing was sent.", ""
    rest = " There may be more: send again for the next." if count == lines.MOST_AT_ONCE else ""
    said = words.plural(count, "delivery is on its way", "deliveries are on their way")
    return "ok", f"{said}.{rest}", ""


def _view(name: str, act: Act) -> View:
    @require_http_methods(["GET", "HEAD", "POST"])
    @signed_in
    @told
    def view(request: HttpRequest, visitor: Visitor, end_id: str) -> HttpResponse:
        visitor, row = _locate(request, visitor, end_id)
        if request.method != "POST":
            return SeeOther(_there(row.id))
        try:
            endpoint = access.managed(reader=visitor.reader, endpoint=row.id)
            tone, text, there = act(request, visitor, endpoint)
        except Problem as problem:
            if problem.status == 404:
                raise
            return _page(request, visitor, row, _refused(request, name, problem))
        flash.leave(request, tone, text)
        return SeeOther(there or _there(row.id))

    return view


def _refused(request: HttpRequest, name: str, problem: Problem) -> Said:
    errors = faults(problem)
    if name == "endpoint_events":
        typed = replace(Typed.of(request.POST), errors=errors)
        return Said(problem.status, "The choice of events was not changed.", events=typed)
    if name == "endpoint_replay" and "form" not in errors:
        again = Again.of(request.POST)
        return Said(problem.status, "Nothing was sent.", again=again, errors=errors)
    return Said(problem.status, f"{problem.detail} Nothing was changed.")


#: The views by the names of their addresses.
VIEWS: Final[dict[str, View]] = {
    name: _view(name, act)
    for name, act in (
        ("endpoint_rotate", _rotate),
        ("endpoint_test", _test),
        ("endpoint_enable", _enable),
        ("endpoint_disable", _disable),
        ("endpoint_events", _events),
        ("endpoint_replay", _replay),
    )
}
