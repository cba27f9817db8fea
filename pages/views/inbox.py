"""The inbox: the list alone, its fragment for the live page, and the choice of a workspace."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from approvals import lists, saved_views
from core import ids
from pages import flash
from pages.choice import Choice
from pages.queue import queue
from pages.views.problems import told
from pages.visitor import Visitor, choose, signed_in


@require_safe
@signed_in
@told
def inbox(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What waits, or ended, and beside it how to begin; without anything said, the visitor's default view."""
    choice = Choice.of(request.GET)
    if any(value == "" for _, values in request.GET.lists() for value in values):
        if not choice.wrong:  # a form sends its empty fields, too: the address is told without them
            return HttpResponseRedirect(choice.url("inbox"))
    elif not request.GET and (default := saved_views.default_of(person=visitor.person)):
        return HttpResponseRedirect(Choice.saved(default).url("inbox"))
    listed = queue(visitor, choice)
    context = {
        "shell": visitor.shell,
        "now": timezone.now(),
        "here": "inbox",
        "queue": listed,
        "page_title": listed.page_title,
        "flash": flash.take(request),
    }
    return render(request, "pages/inbox.html", context)


@require_safe
@signed_in
@told
def queue_fragment(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The list alone, for a page that is open."""
    open_id = request.GET.get("open", "")
    listed = queue(visitor, Choice.of(request.GET), open_id=open_id)
    context = {
        "shell": visitor.shell,
        "now": timezone.now(),
        "queue": listed,
        "page_title": listed.page_title,
        "open_id": open_id,
    }
    return render(request, "parts/queue.html", context)


@require_safe
@signed_in
@told
def past_the_plan(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What administrators approved past its plan, newest first, and what still wants a review."""
    found = lists.past_the_plan(reader=visitor.reader, cursor=request.GET.get("cursor") or None)
    items = [
        {
            "id": ids.encode("req", row.id),
            "title": row.title,
            "agent": row.agent_name,
            "ended": row.ended_at,
            "by": [one["person"] for one in row.confirmations or ()],
            "reviewed_by": row.review["person"] if row.review else "",
        }
        for row in found.items
    ]
    turned = reverse("past_the_plan")
    context = {
        "shell": visitor.shell,
        "items": items,
        "next_url": f"{turned}?{urlencode({'cursor': found.next})}" if found.next else "",
    }
    return render(request, "pages/past_the_plan.html", context)


@require_POST
@signed_in
def choose_workspace(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Look at another of one's workspaces from now on."""
    wanted = request.POST.get("workspace", "")
    for person in visitor.people:
        if person.workspace.slug == wanted:
            choose(request, person)
    return HttpResponseRedirect(reverse("inbox"))
