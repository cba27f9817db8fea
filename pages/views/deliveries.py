"""One delivery: its bytes, every try with what was answered, and sending it again."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from callbacks import lines, lists
from callbacks.models import Callback
from core.problems import Problem
from oversight import endpoints as access
from pages import flash
from pages.endpoints import decoded, delivery, line, tried
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in, whichever

#: Tries that are shown, each with an answer of up to 20,000 bytes; replays may make many more.
MOST_TRIES: Final = 30


@require_safe
@signed_in
@told
def delivery_page(request: HttpRequest, visitor: Visitor, cbk_id: str) -> HttpResponse:
    """One callback and what became of it."""
    visitor, callback = _locate(request, visitor, cbk_id)
    return _page(request, visitor, callback, "", status=200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def replay_view(request: HttpRequest, visitor: Visitor, cbk_id: str) -> HttpResponse:
    """Send it again, under its own id."""
    visitor, callback = _locate(request, visitor, cbk_id)
    there = SeeOther(reverse("delivery", args=[cbk_id]))
    if request.method != "POST":
        return there
    try:
        lines.replay_one(actor=visitor.actor, endpoint=callback.endpoint_id, callback=callback.id)
    except Problem as problem:
        if problem.status == 404:
            raise
        wrong = f"{problem.detail} Nothing was sent."
        callback.refresh_from_db()
        return _page(request, visitor, callback, wrong, status=problem.status)
    said = "It is on its way, under the same id. Reload this page to see what came of it."
    flash.leave(request, "quiet", said)
    return there


def _page(
    request: HttpRequest, visitor: Visitor, callback: Callback, wrong: str, *, status: int
) -> HttpResponse:
    row = access.row_of(reader=visitor.reader, endpoint=callback.endpoint_id)
    tries = lists.attempts(callback, newest=MOST_TRIES)
    context = {
        "shell": visitor.shell,
        "here": "endpoints",
        "one": delivery(callback),
        "endpoint": line(row, timezone.now()),
        "url": callback.url,
        "body": "" if callback.body is None else bytes(callback.body).decode(errors="replace"),
        "tries": [tried(each) for each in reversed(tries)],
        "earlier": tries[0].number - 1 if tries else 0,
        "sees_requests": row.owner_id == visitor.reader.person_id or visitor.reader.sees_all,
        "wrong": wrong,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/delivery.html", context, status=status)


def _locate(request: HttpRequest, visitor: Visitor, text: str) -> tuple[Visitor, Callback]:
    """The callback, in whichever of the visitor's workspaces it is.

    Raises:
        Problem: 404, whether it is absent or of an endpoint that is somebody else's.
    """
    callback = decoded("cbk", text)
    return whichever(
        request, visitor, lambda reader: access.callback_of(reader=reader, callback=callback)
    )
